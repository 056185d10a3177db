# Writes data/*.csv: published tables from R packages, typed-in textbook tables, and made-up sweeps.
#
# A typed-in table is checked here by numbers that its book prints, so that a wrong digit stops
# the script. A made-up response is a fixed vector and stands for nothing.

source("tests/sweeps/r/tables.R")

# ---- one shape for all ---------------------------------------------------------------------------

write_table <- function(name, rows) {
  table <- TABLES[[name]]
  keys <- c(names(table$factors), names(table$blocks))
  if (is.null(rows$state)) rows$state <- "finished"
  for (key in keys) rows[[key]] <- as.character(rows[[key]])
  check_levels(name, rows, table)
  rows$run <- sprintf("r%03d", seq_len(nrow(rows)))
  rows$replicate <- ave(seq_len(nrow(rows)), rows[keys], FUN = seq_along)
  for (key in table$responses) rows[[key]][rows$state != "finished"] <- NA
  out <- rows[c("run", keys, "replicate", "state", table$responses)]
  write.csv(out, file.path("tests/sweeps/r/data", paste0(name, ".csv")), row.names = FALSE,
            quote = FALSE, na = "", eol = "\n")
}

check_levels <- function(name, rows, table) {
  declared <- c(table$factors, table$blocks)
  for (key in names(declared)) {
    if (!all(rows[[key]] %in% declared[[key]])) stop(name, ": unknown level of ", key)
  }
}

# Two-level rows in standard order: the first factor changes fastest.
standard_order <- function(levels) {
  do.call(expand.grid, c(levels, list(KEEP.OUT.ATTRS = FALSE, stringsAsFactors = FALSE)))
}

# Effect as books print it: mean at the second level minus mean at the first.
effect_of <- function(rows, response, ...) {
  sign <- 1
  for (key in c(...)) {
    second <- rows[[key]] == rev(TABLES[[attr(rows, "name")]]$factors[[key]])[1]
    sign <- sign * ifelse(second, 1, -1)
  }
  mean(rows[[response]][sign > 0]) - mean(rows[[response]][sign < 0])
}

printed <- function(found, in_the_book, within = 5e-4) {
  stopifnot(all(abs(found - in_the_book) <= within))
}

crash <- function(rows, which) {
  rows$state <- ifelse(which, "failed", "finished")
  rows
}

# ---- from R packages -----------------------------------------------------------------------------

write_table("plantgrowth", PlantGrowth)
write_table("recovery", get(data("recovery", package = "multcomp")))
write_table("insectsprays", InsectSprays)
write_table("warpbreaks", warpbreaks)
write_table("toothgrowth", ToothGrowth)
write_table("autonoise", emmeans::auto.noise)
write_table("wool", carData::Wool)
write_table("poisons", boot::poisons)
write_table("moore", carData::Moore)
write_table("pigs", emmeans::pigs)
write_table("nutrition", emmeans::nutrition)
write_table("npk", npk)
write_table("orchardsprays", OrchardSprays)

oats <- setNames(MASS::oats, c("block", "variety", "nitrogen", "yield"))
oats$plot <- paste(oats$block, oats$variety, sep = ".")
write_table("oats", oats)

# What stays: 5, 9 and 3 runs of wool A at L, M and H; 8, 7 and 5 of wool B.
THINNED <- c(1, 4, 7, 9, 19, 20, 22, 23, 25, 26, 31, 38, 41, 47, 49, 50, 54)
write_table("warpbreaks_thinned", warpbreaks[-THINNED, ])

poisons <- boot::poisons
place <- ave(1:48, poisons$poison, poisons$treat, FUN = seq_along)
lost <- (poisons$poison == "3" & poisons$treat == "D" & place > 1) |
  (poisons$poison == "1" & poisons$treat == "B" & place > 2)
write_table("poisons_thinned", poisons[!lost, ])

# ---- typed in ------------------------------------------------------------------------------------

battery <- expand.grid(replicate = 1:4, temperature = c("15", "70", "125"), material = c("1", "2", "3"))
battery$life <- c(
  130, 155, 74, 180,  34, 40, 80, 75,      20, 70, 82, 58,
  150, 188, 159, 126, 136, 122, 106, 115,  25, 70, 58, 45,
  138, 110, 168, 160, 174, 120, 150, 139,  96, 104, 82, 60
)
squares <- anova(lm(life ~ material * temperature, battery))[["Sum Sq"]]
printed(squares, c(10683.72, 39118.72, 9613.78, 18230.75), within = 5e-3)
write_table("battery", battery)
at <- function(material, temperature) {
  battery$material == material & battery$temperature == temperature
}
write_table("battery_one_empty", crash(battery, at("3", "125")))
two <- at("1", "15") | at("3", "125") | seq_len(36) %in% c(5, 22)
write_table("battery_two_empty", crash(battery, two))
linking <- xor(battery$material == "3", battery$temperature == "125")
write_table("battery_disconnected", crash(battery, linking))

pilot <- standard_order(TABLES$pilot_plant$factors)
pilot <- rbind(pilot, pilot)
pilot$yield <- c(59, 74, 50, 69, 50, 81, 46, 79, 61, 70, 58, 67, 54, 85, 44, 81)
attr(pilot, "name") <- "pilot_plant"
printed(effect_of(pilot, "yield", "temperature"), 23)
printed(effect_of(pilot, "yield", "concentration"), -5)
printed(effect_of(pilot, "yield", "catalyst"), 1.5)
printed(effect_of(pilot, "yield", "temperature", "concentration"), 1.5)
printed(effect_of(pilot, "yield", "temperature", "catalyst"), 10)
printed(effect_of(pilot, "yield", "concentration", "catalyst"), 0)
printed(effect_of(pilot, "yield", "temperature", "concentration", "catalyst"), 0.5)
printed(summary(lm(yield ~ temperature * concentration * catalyst, pilot))$sigma^2, 8)
write_table("pilot_plant", pilot)
three_way <- (pilot$temperature == "180") + (pilot$concentration == "40") + (pilot$catalyst == "B")
pilot$day <- ifelse(three_way %% 2 == 1, "1", "2")
write_table("pilot_plant_blocks", pilot)

filtration <- standard_order(TABLES$filtration$factors)
filtration$rate <- c(45, 71, 48, 65, 68, 60, 80, 65, 43, 100, 45, 104, 75, 86, 70, 96)
attr(filtration, "name") <- "filtration"
printed(effect_of(filtration, "rate", "temperature"), 21.625)
printed(effect_of(filtration, "rate", "pressure"), 3.125)
printed(effect_of(filtration, "rate", "concentration"), 9.875)
printed(effect_of(filtration, "rate", "stirring"), 14.625)
printed(effect_of(filtration, "rate", "temperature", "concentration"), -18.125)
printed(effect_of(filtration, "rate", "temperature", "stirring"), 16.625)
write_table("filtration", filtration)
sign_of <- function(rows, ...) Reduce(`*`, lapply(rows[c(...)], as.numeric))
all_four <- sign_of(filtration, "temperature", "pressure", "concentration", "stirring")
half <- filtration[all_four == 1, ]
attr(half, "name") <- "filtration"
printed(effect_of(half, "rate", "temperature"), 19)
printed(effect_of(half, "rate", "temperature", "concentration"), -18.5)
write_table("filtration_half", half)
filtration$batch <- ifelse(all_four == 1, "1", "2")
filtration$rate <- filtration$rate - ifelse(all_four == 1, 20, 0)
printed(anova(lm(rate ~ batch, filtration))[["Sum Sq"]][1], 1387.5625)
write_table("filtration_blocks", filtration)

reactor <- standard_order(TABLES$reactor$factors)
reactor$reacted <- c(
  61, 53, 63, 61, 53, 56, 54, 61, 69, 61, 94, 93, 66, 60, 95, 98,
  56, 63, 70, 65, 59, 55, 67, 65, 44, 45, 78, 77, 49, 42, 81, 82
)
attr(reactor, "name") <- "reactor"
printed(mean(reactor$reacted), 65.5)
printed(sapply(names(TABLES$reactor$factors), function(f) effect_of(reactor, "reacted", f)),
        c(-1.375, 19.5, -0.625, 10.75, -6.25))
printed(effect_of(reactor, "reacted", "catalyst", "temperature"), 13.25)
printed(effect_of(reactor, "reacted", "temperature", "concentration"), -11)
write_table("reactor", reactor)
all_five <- sign_of(reactor, "feed", "catalyst", "agitation", "temperature", "concentration")
half <- reactor[all_five == 1, ]
attr(half, "name") <- "reactor"
printed(effect_of(half, "reacted", "catalyst"), 20.5)
printed(effect_of(half, "reacted", "temperature", "concentration"), -9.5)
write_table("reactor_half", half)

cells <- function(rows) do.call(paste, unname(rows[names(TABLES$reactor$factors)]))
chosen <- function(rows) {
  # Rows of `reactor` in the order of `rows`, which hold the five signs.
  reactor[match(cells(rows), cells(reactor)), ]
}
quarter <- standard_order(signs("feed", "catalyst", "agitation"))
quarter$temperature <- sign_of(quarter, "feed", "catalyst")
quarter$concentration <- sign_of(quarter, "feed", "agitation")
folded <- as.data.frame(lapply(quarter, function(x) -as.numeric(x)))
write_table("reactor_quarter", chosen(quarter))
both <- rbind(cbind(chosen(quarter), wave = "1"), cbind(chosen(folded), wave = "2"))
write_table("reactor_quarter_folded", both)

# Plackett & Burman 1946: the generator of 12 runs, shifted round, and a last run of minuses.
GENERATOR <- c(1, 1, -1, 1, 1, 1, -1, -1, -1, 1, -1)
plackett_burman <- rbind(t(sapply(0:10, function(i) GENERATOR[(seq(0, 10) - i) %% 11 + 1])), -1)
stopifnot(crossprod(plackett_burman) == 12 * diag(11))
five <- setNames(as.data.frame(plackett_burman[, 1:5]), names(TABLES$reactor$factors))
write_table("reactor_pb12", chosen(five))

# The authors shift the same generator the other way.
fatigue <- t(sapply(0:10, function(i) GENERATOR[(seq(0, 10) + i) %% 11 + 1]))
fatigue <- setNames(as.data.frame(rbind(fatigue, -1)), names(TABLES$cast_fatigue$factors))
fatigue$log_life <- c(
  6.058, 4.733, 4.625, 5.899, 7.000, 5.752, 5.682, 6.607, 5.818, 5.917, 5.863, 4.809
)
write_table("cast_fatigue", fatigue)
model <- lm(log_life ~ F + I(F * G), fatigue)
printed(coef(model)[c("F", "I(F * G)")], c(0.458, -0.459))
printed(summary(model)$r.squared, 0.89, within = 5e-3)
printed(2 * coef(lm(log_life ~ D, fatigue))[["D"]], -0.516)

bicycle <- standard_order(signs("seat", "dynamo", "handlebars"))
bicycle$gear <- sign_of(bicycle, "seat", "dynamo")
bicycle$raincoat <- sign_of(bicycle, "seat", "handlebars")
bicycle$breakfast <- sign_of(bicycle, "dynamo", "handlebars")
bicycle$tyres <- sign_of(bicycle, "seat", "dynamo", "handlebars")
bicycle$seconds <- c(69, 52, 60, 83, 71, 50, 59, 88)
attr(bicycle, "name") <- "bicycle"
printed(sapply(names(TABLES$bicycle$factors), function(f) effect_of(bicycle, "seconds", f)),
        c(3.5, 12, 1, 22.5, 0.5, 1, 2.5))
write_table("bicycle", bicycle)

# ---- made up -------------------------------------------------------------------------------------

seeds <- function(settings, times) settings[rep(seq_len(nrow(settings)), each = times), ]

corner <- seeds(standard_order(TABLES$crashed_corner$factors), 3)
corner$loss <- c(0.412, 0.431, 0.405, 0.371, 0.388, 0.379, 0.402, 0.417, 0.409, 0.3, 0.3, 0.3)
write_table("crashed_corner", crash(corner, corner$batch == "64" & corner$ratio == "4:1"))

ofat <- seeds(data.frame(
  batch = c("8", "64", "8", "8"), ratio = c("1:1", "1:1", "4:1", "1:1"),
  cadence = c("200", "200", "200", "20")
), 2)
ofat$loss <- c(0.412, 0.431, 0.371, 0.388, 0.402, 0.417, 0.409, 0.433)
write_table("ofat", ofat)
baseline <- ofat$batch == "8" & ofat$ratio == "1:1" & ofat$cadence == "200"
write_table("ofat_crashed", crash(ofat, baseline))

levels <- seeds(data.frame(
  batch = c("16", "8", "64", "16", "16", "16"),
  lr = c("2e-05", "2e-05", "2e-05", "1e-05", "5e-05", "0.0001")
), 2)
levels$loss <- c(0.361, 0.352, 0.39, 0.401, 0.371, 0.366, 0.407, 0.399, 0.349, 0.358, 0.52, 0.487)
write_table("ofat_levels", levels)
write_table("ofat_levels_crashed", crash(levels, levels$batch == "16" & levels$lr == "2e-05"))

four <- data.frame(
  batch = c("8", "64", "64", "8"), ratio = c("1:1", "4:1", "1:1", "1:1"),
  cadence = c("200", "200", "20", "20"), loss = c(0.412, 0.371, 0.388, 0.402)
)
four <- crash(four, 1:4 == 4)
four$state[4] <- "interrupted"
write_table("four_runs", four)

tied <- TABLES$ratio_tied$factors
tied <- seeds(data.frame(lr = tied$lr, batch = tied$batch, decay = rep(tied$decay, each = 4)), 2)
tied$loss <- c(
  0.52, 0.507, 0.461, 0.473, 0.418, 0.43, 0.397, 0.401,
  0.511, 0.519, 0.455, 0.447, 0.421, 0.409, 0.388, 0.379
)
write_table("ratio_tied", tied)

write_table("nearly_tied", transform(
  tied[seq(1, 16, 2), ], batch = rep(TABLES$nearly_tied$factors$batch, 2)
))

free <- standard_order(TABLES$ratio_free$factors)
free$loss <- c(
  0.497, 0.452, 0.371, 0.51, 0.466, 0.38, 0.548, 0.502, 0.411,
  0.489, 0.45, 0.36, 0.507, 0.459, 0.383, 0.532, 0.488, 0.3
)
write_table("ratio_free", crash(free, seq_len(18) == 18))

near <- data.frame(
  batch = c("8", "8", "8", "8", "8", "8", "64", "64", "64", "64", "64", "64"),
  ratio = c("1:1", "1:1", "1:1", "1:1", "1:1", "4:1", "4:1", "4:1", "4:1", "4:1", "4:1", "4:1"),
  optimizer = c("adamw", "adamw", "adamw", "adamw", "sgd", "sgd",
                "lion", "lion", "lion", "adamw", "lion", "sgd"),
  loss = c(0.41, 0.43, 0.42, 0.4, 0.47, 0.46, 0.36, 0.38, 0.37, 0.39, 0.35, 0.44)
)
write_table("near_alias", near)

gpu <- seeds(standard_order(TABLES$follows_gpu$factors), 2)
gpu$gpu_name <- ifelse(gpu$optimizer == "sgd", "T4", "A100")
gpu$loss <- c(0.41, 0.42, 0.38, 0.37, 0.4, 0.39, 0.35, 0.36, 0.47, 0.49, 0.45, 0.44)
write_table("follows_gpu", gpu)
