# The tables in data/: where each comes from, its factors and blocks with their levels in order.
#
# Every CSV has the columns: run, factors, blocks, replicate, state, responses. `replicate` counts
# the rows of one (setting, block), so that no two rows are repeats of one another.

table_of <- function(source, factors, responses, blocks = list(), baseline = list(),
                     synthetic = FALSE) {
  list(source = source, synthetic = synthetic, factors = factors, blocks = blocks,
       baseline = baseline, responses = responses)
}

signs <- function(...) {
  stats::setNames(rep(list(c("-1", "1")), length(c(...))), c(...))
}

BHH <- "Box, Hunter & Hunter, Statistics for Experimenters (1st ed. 1978)"
MONTGOMERY <- "Montgomery, Design and Analysis of Experiments"
REACTOR <- paste0(BHH, ", chapter 12, reactor example (2nd ed. chapters 6 and 7)")
CELLS <- "Rows of `reactor` chosen by the fraction"

TABLES <- list(
  # One factor
  plantgrowth = table_of(
    "datasets::PlantGrowth (Dobson 1983, An Introduction to Statistical Modelling)",
    list(group = c("ctrl", "trt1", "trt2")), "weight", baseline = list(group = "ctrl")
  ),
  recovery = table_of(
    "multcomp::recovery (Westfall et al. 1999; Bretz, Hothorn & Westfall 2010, section 4.1)",
    list(blanket = c("b0", "b1", "b2", "b3")), "minutes", baseline = list(blanket = "b0")
  ),
  insectsprays = table_of(
    "datasets::InsectSprays (Beall 1942, Biometrika 29, 243-262)",
    list(spray = c("A", "B", "C", "D", "E", "F")), "count"
  ),

  # Full factorials
  warpbreaks = table_of(
    "datasets::warpbreaks (Tippett 1950, Technological Applications of Statistics, p. 106)",
    list(wool = c("A", "B"), tension = c("L", "M", "H")), "breaks",
    baseline = list(wool = "A", tension = "L")
  ),
  toothgrowth = table_of(
    "datasets::ToothGrowth (Crampton 1947; Bliss 1952)",
    list(supp = c("OJ", "VC"), dose = c("0.5", "1", "2")), "len", baseline = list(dose = "0.5")
  ),
  autonoise = table_of(
    "emmeans::auto.noise (Data and Story Library)",
    list(size = c("S", "M", "L"), type = c("Std", "Octel"), side = c("L", "R")), "noise"
  ),
  battery = table_of(
    paste0(MONTGOMERY, ", chapter 5, battery design experiment; typed in, see data.R"),
    list(material = c("1", "2", "3"), temperature = c("15", "70", "125")), "life"
  ),
  pilot_plant = table_of(
    paste0(BHH, ", chapter 10, pilot plant (2nd ed. chapter 5); typed in, see data.R"),
    list(temperature = c("160", "180"), concentration = c("20", "40"), catalyst = c("A", "B")),
    "yield"
  ),
  filtration = table_of(
    paste0(MONTGOMERY, ", chapter 6, pilot plant filtration rate; typed in, see data.R"),
    signs("temperature", "pressure", "concentration", "stirring"), "rate"
  ),
  reactor = table_of(
    paste0(REACTOR, "; typed in, see data.R"),
    signs("feed", "catalyst", "agitation", "temperature", "concentration"), "reacted"
  ),
  wool = table_of(
    "carData::Wool (Box & Cox 1964, J. R. Statist. Soc. B 26, 211-252)",
    list(len = c("250", "300", "350"), amp = c("8", "9", "10"), load = c("40", "45", "50")),
    "cycles"
  ),
  poisons = table_of(
    "boot::poisons (Box & Cox 1964, J. R. Statist. Soc. B 26, 211-252)",
    list(poison = c("1", "2", "3"), treat = c("A", "B", "C", "D")), "time",
    baseline = list(treat = "A")
  ),

  # Unbalanced and empty cells
  moore = table_of(
    "carData::Moore (Moore & Krupat 1971; Fox 2016, Applied Regression Analysis)",
    list(fcategory = c("low", "medium", "high"), partner.status = c("low", "high")), "conformity"
  ),
  pigs = table_of(
    "emmeans::pigs (Windels 1964; Oehlert 2000, problem 10.8, some rows omitted)",
    list(source = c("fish", "soy", "skim"), percent = c("9", "12", "15", "18")), "conc",
    baseline = list(source = "fish")
  ),
  warpbreaks_thinned = table_of(
    "`warpbreaks` without 17 rows (list in data.R)",
    list(wool = c("A", "B"), tension = c("L", "M", "H")), "breaks",
    baseline = list(tension = "L")
  ),
  nutrition = table_of(
    "emmeans::nutrition (Milliken & Johnson 1984, Analysis of Messy Data I, chapter 17)",
    list(age = c("1", "2", "3", "4"), group = c("FoodStamps", "NoAid"),
         race = c("Black", "Hispanic", "White")),
    "gain"
  ),
  battery_one_empty = table_of(
    "`battery` with every run of one cell crashed (material 3 at 125)",
    list(material = c("1", "2", "3"), temperature = c("15", "70", "125")), "life"
  ),
  battery_two_empty = table_of(
    "`battery` with every run of two cells crashed (1 at 15, 3 at 125), and two runs beside",
    list(material = c("1", "2", "3"), temperature = c("15", "70", "125")), "life"
  ),
  battery_disconnected = table_of(
    "`battery` with every run crashed that links material 3 or 125 degrees to the rest",
    list(material = c("1", "2", "3"), temperature = c("15", "70", "125")), "life"
  ),
  poisons_thinned = table_of(
    "`poisons` with one run left in cell (3, D) and two in cell (1, B)",
    list(poison = c("1", "2", "3"), treat = c("A", "B", "C", "D")), "time"
  ),

  # Blocks
  pilot_plant_blocks = table_of(
    "`pilot_plant` with a block that is the three-factor interaction (ABC confounded)",
    list(temperature = c("160", "180"), concentration = c("20", "40"), catalyst = c("A", "B")),
    "yield", blocks = list(day = c("1", "2"))
  ),
  filtration_blocks = table_of(
    paste0(MONTGOMERY, ", chapter 7, filtration rate in two blocks, ABCD confounded, block 1",
           " lowered by 20; made from `filtration`"),
    signs("temperature", "pressure", "concentration", "stirring"), "rate",
    blocks = list(batch = c("1", "2"))
  ),
  npk = table_of(
    "datasets::npk (Venables & Ripley 2002, MASS, section 6.7)",
    list(N = c("0", "1"), P = c("0", "1"), K = c("0", "1")), "yield",
    blocks = list(block = as.character(1:6))
  ),
  orchardsprays = table_of(
    "datasets::OrchardSprays (Finney 1947; McNeil 1977): an 8 x 8 Latin square",
    list(treatment = c("A", "B", "C", "D", "E", "F", "G", "H")), "decrease",
    blocks = list(rowpos = as.character(1:8), colpos = as.character(1:8))
  ),
  oats = table_of(
    "MASS::oats (Yates 1935; Venables & Ripley 2002, section 10.2): a split plot",
    list(variety = c("Golden.rain", "Marvellous", "Victory"),
         nitrogen = c("0.0cwt", "0.2cwt", "0.4cwt", "0.6cwt")),
    "yield",
    blocks = list(block = c("I", "II", "III", "IV", "V", "VI"), plot = NULL)
  ),

  # Fractions
  reactor_half = table_of(
    paste0(CELLS, " I = ABCDE (2^(5-1), resolution V)"),
    signs("feed", "catalyst", "agitation", "temperature", "concentration"), "reacted"
  ),
  reactor_quarter = table_of(
    paste0(CELLS, " D = AB, E = AC (2^(5-2), resolution III)"),
    signs("feed", "catalyst", "agitation", "temperature", "concentration"), "reacted"
  ),
  reactor_quarter_folded = table_of(
    "`reactor_quarter` with its full fold-over (all signs reversed), from `reactor`",
    signs("feed", "catalyst", "agitation", "temperature", "concentration"), "reacted",
    blocks = list(wave = c("1", "2"))
  ),
  reactor_pb12 = table_of(
    "Rows of `reactor` chosen by the first five columns of the Plackett-Burman design of 12 runs",
    signs("feed", "catalyst", "agitation", "temperature", "concentration"), "reacted"
  ),
  filtration_half = table_of(
    paste0(MONTGOMERY, ", chapter 8, 2^(4-1) with I = ABCD; rows of `filtration`"),
    signs("temperature", "pressure", "concentration", "stirring"), "rate"
  ),
  bicycle = table_of(
    paste0(BHH, ", chapter 12, bicycle times, 2^(7-4) with D = AB, E = AC, F = BC, G = ABC;",
           " typed in, see data.R"),
    signs("seat", "dynamo", "handlebars", "gear", "raincoat", "breakfast", "tyres"), "seconds"
  ),
  cast_fatigue = table_of(
    paste0("Hunter, Hodi & Eager 1982, Metallurgical Transactions 13A; Wu & Hamada, Experiments,",
           " cast fatigue experiment: Plackett-Burman of 12 runs; H to K are dummies;",
           " typed in, see data.R"),
    signs("A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K"), "log_life"
  ),

  # Sweeps
  crashed_corner = table_of(
    "A 2 x 2 of three seeds whose last corner crashed; responses made up",
    list(batch = c("8", "64"), ratio = c("1:1", "4:1")), "loss",
    baseline = list(batch = "8", ratio = "1:1"), synthetic = TRUE
  ),
  ofat = table_of(
    "One factor at a time, three factors of two levels, two seeds; responses made up",
    list(batch = c("8", "64"), ratio = c("1:1", "4:1"), cadence = c("200", "20")), "loss",
    baseline = list(batch = "8", ratio = "1:1", cadence = "200"), synthetic = TRUE
  ),
  ofat_crashed = table_of(
    "`ofat` with every run of its baseline crashed",
    list(batch = c("8", "64"), ratio = c("1:1", "4:1"), cadence = c("200", "20")), "loss",
    baseline = list(batch = "8", ratio = "1:1", cadence = "200"), synthetic = TRUE
  ),
  ofat_levels = table_of(
    "One factor at a time, three and four levels, two seeds; responses made up",
    list(batch = c("8", "16", "64"), lr = c("1e-05", "2e-05", "5e-05", "0.0001")), "loss",
    baseline = list(batch = "16", lr = "2e-05"), synthetic = TRUE
  ),
  ofat_levels_crashed = table_of(
    "`ofat_levels` with every run of its baseline crashed",
    list(batch = c("8", "16", "64"), lr = c("1e-05", "2e-05", "5e-05", "0.0001")), "loss",
    baseline = list(batch = "16", lr = "2e-05"), synthetic = TRUE
  ),
  four_runs = table_of(
    "R1 to R4 of DESIGN 1: three finished, R4 interrupted; responses made up",
    list(batch = c("8", "64"), ratio = c("1:1", "4:1"), cadence = c("200", "20")), "loss",
    baseline = list(batch = "8", ratio = "1:1", cadence = "200"), synthetic = TRUE
  ),
  ratio_tied = table_of(
    "Learning rate grows with batch size (linear scaling), crossed with decay; responses made up",
    list(lr = c("1e-05", "2e-05", "4e-05", "8e-05"), batch = c("16", "32", "64", "128"),
         decay = c("0", "0.01")),
    "loss", synthetic = TRUE
  ),
  ratio_free = table_of(
    "Learning rate and batch size on a grid with one cell crashed; responses made up",
    list(lr = c("1e-05", "2e-05", "8e-05"), batch = c("16", "32", "128"), decay = c("0", "0.01")),
    "loss", synthetic = TRUE
  ),
  nearly_tied = table_of(
    "Batch size follows the learning rate but for a few steps, numeric; responses made up",
    list(lr = c("1e-05", "2e-05", "4e-05", "8e-05"), batch = c("16", "33", "62", "128"),
         decay = c("0", "0.01")),
    "loss", synthetic = TRUE
  ),
  near_alias = table_of(
    "Batch and ratio together in all runs but one, optimizer with batch in most; responses made up",
    list(batch = c("8", "64"), ratio = c("1:1", "4:1"), optimizer = c("adamw", "lion", "sgd")),
    "loss", synthetic = TRUE
  ),
  follows_gpu = table_of(
    "Optimizer follows the GPU, batch does not; responses made up",
    list(batch = c("8", "64"), optimizer = c("adamw", "lion", "sgd")), "loss",
    blocks = list(gpu_name = c("A100", "T4")), synthetic = TRUE
  )
)
TABLES$oats$blocks$plot <- sort(as.vector(outer(
  TABLES$oats$blocks$block, TABLES$oats$factors$variety, paste, sep = "."
)))
