# Computes the test of a whole-plot factor against its own stratum, and the wrong one (METHOD 14, 7).
#
# The versions of R and of the packages are written into expected/split_plot.json.

source("tests/sweeps/r/cases.R")

oats <- finished_runs("oats")
model <- model_of("yield", "block", "variety", "nitrogen", c("variety", "nitrogen"))

row_of <- function(table, term) {
  rownames(table) <- trimws(rownames(table))
  error <- table["Residuals", ]
  of <- table[term, ]
  list(df = of[["Df"]], sum_sq = of[["Sum Sq"]], df_error = error[["Df"]],
       sum_sq_error = error[["Sum Sq"]], F = of[["F value"]], p = of[["Pr(>F)"]])
}

stratum_row <- function(fit, stratum, term) row_of(summary(fit)[[paste("Error:", stratum)]][[1]], term)

# Whole plots inside complete blocks: variety against block x variety, 2 and 10 degrees of freedom.
nested <- aov(yield ~ variety * nitrogen + Error(block / variety), oats)
# Whole plots alone: variety against plots of one variety, 2 and 15 degrees of freedom.
plots <- aov(yield ~ variety * nitrogen + Error(plot), oats)
wrong <- anova(lm(yield ~ block + variety * nitrogen, oats))

# The same by pairs of fits, as Python will do it: plot within variety after block and variety.
columns <- function(...) model.matrix(reformulate(c(...)), oats)
against_block <- rss(columns("block", "variety"), oats$yield) - rss(columns("block", "plot"), oats$yield)
same(against_block, stratum_row(nested, "block:variety", "variety")$sum_sq_error)
against_plot <- rss(columns("variety"), oats$yield) - rss(columns("plot"), oats$yield)
same(against_plot, stratum_row(plots, "plot", "variety")$sum_sq_error)

strata <- list(
  whole_plot_factor = "variety", unit = "plot",
  with_complete_blocks = stratum_row(nested, "block:variety", "variety"),
  with_units_only = stratum_row(plots, "plot", "variety"),
  within_units = lapply(c("nitrogen", "variety:nitrogen"), function(term) {
    c(list(term = gsub(":", " x ", term, fixed = TRUE)), stratum_row(nested, "Within", term))
  }),
  wrong_run_residual = row_of(wrong, "variety")
)
by <- "aov(Error(block / variety)), aov(Error(plot)), anova(lm)"
cases <- list(
  case_of("oats", model, "strata", by, strata),
  terms_case("oats", model_of("yield", "plot", "variety", "nitrogen")),
  anova_case("oats", model),
  pairwise_case("oats", model, "nitrogen"),
  margins_case("oats", model, "nitrogen")
)
write_cases("split_plot", "A split plot: variety by whole plot, nitrogen by sub-plot.",
            c("car", "emmeans", "estimability"), cases)
