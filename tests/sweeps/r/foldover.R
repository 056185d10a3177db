# Computes what fractions can tell after a fold-over: of all factors, and of one factor.
#
# A fold-over is not enough in general: 2^(5-2) with its fold-over has rank 13 of the 16 that all
# two-factor interactions need (METHOD 14, 8). The versions of R and of the packages are written
# into expected/foldover.json.

source("tests/sweeps/r/cases.R")

# The rows again with the levels of some two-level factors exchanged.
folded <- function(rows, factors) {
  for (key in factors) rows[[key]] <- factor(rev(levels(rows[[key]]))[rows[[key]]], levels(rows[[key]]))
  rows
}

after <- function(rows, model, factors, label) {
  both <- rbind(rows, folded(rows, factors))
  x <- design_of(both, model)
  statuses <- Map(function(term, of) {
    list(term = term_name(term), df = of$df, df_estimable = of$df_estimable)
  }, model$terms, term_estimability(x))
  list(fold = label, added = as_objects(folded(rows, factors)[factors_of(model)]),
       rank = rank_of(x), parameters = ncol(x), terms = unname(statuses))
}

factors_of <- function(model) unlist(Filter(function(term) length(term) == 1, model$terms))

fold_case <- function(name, order) {
  model <- full_model(name, order)
  rows <- finished_runs(name)
  factors <- names(TABLES[[name]]$factors)
  folds <- c(list(after(rows, model, factors, "all")),
             lapply(factors, function(factor) after(rows, model, factor, factor)))
  expected <- list(rank_before = rank_of(design_of(rows, model)), folds = folds)
  case_of(name, model, "fold_over", "qr; ranks with and without each term", expected)
}

quarter <- fold_case("reactor_quarter", 2)
stopifnot(quarter$expected$folds[[1]]$rank == 13, quarter$expected$folds[[1]]$parameters == 16)

with_wave <- full_model("reactor_quarter_folded", 1)
cases <- list(
  quarter,
  fold_case("bicycle", 1), fold_case("bicycle", 2),
  fold_case("filtration_half", 2),
  rank_case("reactor_quarter_folded", with_wave),
  terms_case("reactor_quarter_folded", with_wave),
  terms_case("reactor_quarter_folded", full_model("reactor_quarter_folded", 2)),
  aliases_case("reactor_quarter_folded", full_model("reactor_quarter_folded", 2)),
  alias_matrix_case("reactor_quarter_folded", with_wave),
  anova_case("reactor_quarter_folded", with_wave),
  pairwise_case("reactor_quarter_folded", with_wave, "temperature")
)
write_cases("foldover", "Fractions and their fold-overs.", c("car", "emmeans", "estimability"), cases)
