# Computes by exhaustive search the fewest runs that make a question answerable, and all such sets.
#
# Small cases only: every set of 1, 2, ... candidate cells is tried. The objective is that of METHOD
# 6.2: log det(X'X + Z'Z) for a whole model, -log det(L M^- L') for a target. The versions of R and
# of the packages are written into expected/follow_ups.json.

source("tests/sweeps/r/cases.R")

# ---- the search ----------------------------------------------------------------------------------

# How many independent functions of the target's coefficients are open (METHOD 2, 2).
open_directions <- function(x, own) sum(own) - (rank_of(x) - rank_of(x[, !own, drop = FALSE]))

# The smallest sets of rows of z that leave nothing of the target open; NULL where none does.
smallest_sets <- function(x, z, own, most = 4) {
  if (open_directions(rbind(x, z), own) > 0) return(NULL)
  for (k in 0:most) {
    sets <- combn(nrow(z), k, simplify = FALSE)
    enough <- vapply(sets, function(set) open_directions(rbind(x, z[set, , drop = FALSE]), own) == 0, NA)
    if (any(enough)) return(list(k = k, searched = length(sets), sets = sets[enough]))
  }
  stop("more than ", most, " runs are needed")
}

log_det <- function(matrix) as.vector(determinant(matrix)$modulus)

objective_of <- function(x, z, own, set) {
  both <- rbind(x, z[set, , drop = FALSE])
  if (sum(own) == ncol(x) - 1) return(log_det(crossprod(both)))
  inverse <- fit_of(both, numeric(nrow(both)))$inverse
  -log_det(inverse[own, own, drop = FALSE])
}

# ---- cases ---------------------------------------------------------------------------------------

grid_of <- function(factors) {
  grid <- do.call(expand.grid, c(rev(factors), list(KEEP.OUT.ATTRS = FALSE, stringsAsFactors = FALSE)))
  grid[rev(names(grid))]  # the last factor changes fastest
}

as_levels <- function(cells, factors) {
  cells <- as.data.frame(cells, stringsAsFactors = FALSE)
  for (key in names(factors)) cells[[key]] <- factor(as.character(cells[[key]]), factors[[key]])
  cells[names(factors)]
}

# `target`: terms that must be estimable; NULL asks for the whole model.
follow_up_case <- function(story, factors, finished, candidates, model, target = NULL, data = NULL,
                           blocks = NULL, forbidden = list()) {
  finished <- as_levels(finished, c(factors, blocks))
  candidates <- as_levels(candidates, c(factors, blocks))
  together <- droplevels(rbind(finished, candidates))  # levels that are nowhere have no column
  all <- design_of(together, model)
  x <- all[seq_len(nrow(finished)), , drop = FALSE]
  z <- all[-seq_len(nrow(finished)), , drop = FALSE]
  own <- attr(all, "term") %in% places_of(model, target)
  list(story = story, data = data, factors = named_levels(factors), blocks = named_levels(blocks),
       finished = as_objects(finished), candidates = as_objects(candidates), forbidden = forbidden,
       model = model_json(model), what = "follow_up", by = "exhaustive search with qr",
       target = if (is.null(target)) "model" else lapply(target, as.list),
       expected = answer_of(x, z, own, attr(all, "term"), model))
}

places_of <- function(model, target) {
  if (is.null(target)) return(seq_along(model$terms))
  places <- match(vapply(target, term_name, ""), vapply(model$terms, term_name, ""))
  stopifnot(!anyNA(places))
  places
}

named_levels <- function(columns) {
  lapply(names(columns), function(key) list(name = key, levels = as.list(columns[[key]])))
}

answer_of <- function(x, z, own, term, model) {
  facts <- list(parameters = ncol(x), rank = rank_of(x), reachable_rank = rank_of(rbind(x, z)),
                open_directions = open_directions(x, own),
                never = never_estimable(x, z, own, term, model))
  found <- smallest_sets(x, z, own)
  if (is.null(found)) return(c(facts, list(possible = FALSE)))
  stopifnot(found$k >= facts$open_directions)
  if (sum(own) == ncol(x) - 1 && facts$reachable_rank == ncol(x)) {
    stopifnot(found$k == facts$reachable_rank - facts$rank)  # METHOD 6.1: a basis extension
  }
  objectives <- vapply(found$sets, objective_of, 1, x = x, z = z, own = own)
  best <- which(objectives > max(objectives) - 1e-9)
  c(facts, list(
    possible = TRUE, runs_needed = found$k, searched = found$searched,
    sets = lapply(found$sets, function(set) as.list(set - 1)),  # places in `candidates`, from 0
    objectives = as.list(objectives), best = as.list(best - 1)  # places in `sets`, from 0
  ))
}

# Terms of the target that stay open even when every candidate has run.
never_estimable <- function(x, z, own, term, model) {
  places <- unique(term[own])
  open <- vapply(places, function(place) open_directions(rbind(x, z), term == place) > 0, NA)
  as.list(vapply(model$terms[places[open]], term_name, ""))
}

# ---- stories -------------------------------------------------------------------------------------

two_by <- function(count) setNames(rep(list(c("-1", "1")), count), head(LETTERS, count))
pairs_model <- function(factors) {
  names <- names(factors)
  do.call(model_of, c(list("response"), as.list(names), combn(names, 2, simplify = FALSE)))
}
main_model <- function(factors) do.call(model_of, c(list("response"), as.list(names(factors))))

finished_cells <- function(name) finished_runs(name)[names(TABLES[[name]]$factors)]

# The finished runs of a table, and every cell of its declared grid but some as a candidate.
of_table <- function(story, name, model, ..., without = character()) {
  factors <- TABLES[[name]]$factors
  grid <- grid_of(factors)
  barred <- do.call(paste, grid) %in% without
  follow_up_case(story, factors, finished_cells(name), grid[!barred, ], model, ..., data = name,
                 forbidden = as_objects(grid[barred, ]))
}

four_runs <- function() {
  model <- full_model("four_runs")
  name <- "four_runs"
  factors <- TABLES[[name]]$factors
  unfinished <- data.frame(batch = "8", ratio = "1:1", cadence = "20")
  # New runs are a wave of their own, which is in the model too.
  waves <- list(wave = c("1", "2"))
  with_wave <- do.call(model_of, c(list("loss", "wave"), model$terms))
  waved <- function(story, target) {
    follow_up_case(story, factors, cbind(finished_cells(name), wave = "1"),
                   cbind(grid_of(factors), wave = "2"), with_wave, target, name, blocks = waves)
  }
  list(
    of_table("R1, R2 and R3 of DESIGN 1: any cell of the grid", name, model),
    follow_up_case("R1, R2 and R3 of DESIGN 1: finishing R4 is enough", factors,
                   finished_cells(name), unfinished, model, data = name),
    of_table("R1, R2 and R3 of DESIGN 1: only the batch size is asked", name, model, list("batch")),
    waved("R1, R2 and R3 of DESIGN 1: the wave must be told apart too", NULL),
    waved("R1, R2 and R3 of DESIGN 1: a new wave, but only the factors are asked",
          list("batch", "ratio", "cadence"))
  )
}

one_at_a_time <- function() {
  baseline <- "8 1:1 200"
  list(
    of_table("OFAT whose baseline crashed (METHOD 14, 9)", "ofat_crashed", full_model("ofat_crashed")),
    of_table("OFAT whose baseline crashes always and is no candidate", "ofat_crashed",
             full_model("ofat_crashed"), without = baseline),
    of_table("OFAT whose baseline crashed: only the ratio is asked", "ofat_crashed",
             full_model("ofat_crashed"), list("ratio")),
    of_table("OFAT of three and four levels whose baseline crashed", "ofat_levels_crashed",
             full_model("ofat_levels_crashed")),
    of_table("OFAT of three and four levels whose baseline crashed: only the rate is asked",
             "ofat_levels_crashed", full_model("ofat_levels_crashed"), list("lr")),
    of_table("OFAT, and now all interactions of two factors", "ofat", full_model("ofat", 2)),
    of_table("OFAT, in a model with interactions: one open direction needs two runs", "ofat",
             full_model("ofat", 2), list("batch"))
  )
}

corners <- function() {
  list(
    of_table("A 2 x 2 whose corner crashed, with the interaction", "crashed_corner",
             full_model("crashed_corner", 2)),
    of_table("A 2 x 2 whose corner is forbidden: the interaction is out of reach", "crashed_corner",
             full_model("crashed_corner", 2), without = "64 4:1"),
    of_table("A 2 x 2 whose corner is forbidden: without the interaction nothing is needed",
             "crashed_corner", full_model("crashed_corner"), without = "64 4:1"),
    of_table("A 3 x 3 with one empty cell", "battery_one_empty", full_model("battery_one_empty", 2)),
    of_table("A 3 x 3 with two empty cells", "battery_two_empty", full_model("battery_two_empty", 2)),
    of_table("A 3 x 3 with two empty cells: only the material is asked", "battery_two_empty",
             full_model("battery_two_empty", 2), list("material")),
    of_table("A 3 x 3 in two unconnected parts, main effects", "battery_disconnected",
             full_model("battery_disconnected")),
    of_table("A 3 x 3 in two unconnected parts, with the interaction", "battery_disconnected",
             full_model("battery_disconnected", 2)),
    of_table("A 3 x 3 with one empty cell that is forbidden", "battery_one_empty",
             full_model("battery_one_empty", 2), without = "3 125")
  )
}

forbidden_pairs <- function() {
  factors <- two_by(3)
  grid <- grid_of(factors)
  unequal <- grid$A != grid$B
  both_high <- grid$A == "1" & grid$B == "1"
  without <- function(story, barred, places, model, target = NULL) {
    follow_up_case(story, factors, grid[places, ], grid[!barred, ], model, target,
                   forbidden = as_objects(grid[barred, ]))
  }
  main <- main_model(factors)
  pairs <- pairs_model(factors)
  list(
    without("A and B must be equal: neither can ever be told", unequal, 1:2, main),
    without("A and B must be equal: C can be told all the same", unequal, 1, main, list("C")),
    without("A and B never both high: main effects can be told", both_high, 1, main),
    without("A and B never both high: with A x B neither margin is in reach", both_high, c(1, 2, 3, 5),
            pairs, list("A", "B")),
    without("A and B never both high: with A x B the margin of C is asked", both_high, c(1, 2, 3, 5),
            pairs, list("C"))
  )
}

# Runs needed can exceed the open directions of a target; the cells were found by enumeration.
hard_targets <- function() {
  three <- two_by(3)
  four <- two_by(4)
  mixed <- list(A = c("1", "2", "3"), B = c("-1", "1"), C = c("-1", "1"))
  of <- function(story, factors, places) {
    grid <- grid_of(factors)
    follow_up_case(story, factors, grid[places, ], grid, pairs_model(factors), list("A"))
  }
  list(
    of("One open direction, one run", three, c(1, 2, 3, 6)),
    of("One open direction, two runs", three, c(1, 2, 3, 5)),
    of("One open direction, two runs, three finished", three, c(1, 2, 7)),
    of("One open direction, two runs, in a grid of sixteen", four, c(5, 6, 7, 8, 10, 11, 13, 16)),
    of("One open direction, two runs: OFAT of four factors", four, c(1, 2, 3, 5, 9)),
    of("Two open directions, two runs", mixed, c(2, 3, 4, 6, 9, 10)),
    of("Two open directions, three runs", mixed, c(1, 2, 3, 5, 7, 9)),
    of("One open direction of two, two runs", mixed, c(1, 4, 5, 6, 7, 8)),
    of("Nothing open, nothing needed", three, c(1, 4, 5, 8))
  )
}

fractions <- function() {
  list(
    of_table("2^(4-1), and now all interactions of two factors", "filtration_half",
             full_model("filtration_half", 2)),
    of_table("2^(4-1): one interaction, one open direction, and two runs needed", "filtration_half",
             full_model("filtration_half", 2), list(c("temperature", "pressure"))),
    of_table("2^(5-2): one main effect, one open direction, and three runs needed", "reactor_quarter",
             full_model("reactor_quarter", 2), list("agitation"))
  )
}

ratios <- function() {
  sweep <- function(...) model_of("loss", "lr", "batch", "decay", ...)
  logs <- sweep(numeric = list(lr = "log2", batch = "log2"))
  list(
    of_table("Learning rate tied to batch size: the far corners are best", "ratio_tied", logs),
    of_table("Learning rate tied to batch size: only its slope is asked", "ratio_tied", logs,
             list("lr")),
    of_table("Learning rate tied to batch size, level by level", "ratio_tied", sweep())
  )
}

# A level that has no finished run is in the model as soon as a candidate has it.
lost_level <- function() {
  factors <- TABLES$ofat_levels$factors
  finished <- subset(finished_cells("ofat_levels"), batch != "64")
  follow_up_case("Every run of one level crashed", factors, finished, grid_of(factors),
                 full_model("ofat_levels"), data = "ofat_levels")
}

cases <- c(four_runs(), one_at_a_time(), corners(), forbidden_pairs(), hard_targets(), fractions(),
           ratios(), list(lost_level()))
write_json(
  list(about = "The fewest further runs, by exhaustive search.", versions = versions("estimability"),
       cases = cases),
  "tests/sweeps/r/expected/follow_ups.json"
)
