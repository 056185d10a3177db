# Computes Types I, II and III of unbalanced tables, where they differ; II is the one to expect.
#
# Also the trap: Type III with treatment coding (METHOD 14, 3). The versions of R and of the
# packages are written into expected/unbalanced.json.

source("tests/sweeps/r/cases.R")

cases <- c(
  of_one_model("moore", full_model("moore", 2)),
  of_one_model("moore", full_model("moore")),
  of_one_model("pigs", full_model("pigs", 2, transform = "log"), "source"),
  of_one_model("pigs", full_model("pigs"), "source"),
  of_one_model("warpbreaks_thinned", full_model("warpbreaks_thinned", 2), "tension"),
  of_one_model("warpbreaks_thinned", full_model("warpbreaks_thinned")),
  of_one_model("nutrition", full_model("nutrition")),
  list(
    wrong_anova_case("moore", full_model("moore", 2)),
    wrong_anova_case("warpbreaks_thinned", full_model("warpbreaks_thinned", 2)),
    gvif_case("moore", full_model("moore")),
    gvif_case("pigs", full_model("pigs")),
    gvif_case("nutrition", full_model("nutrition")),
    margins_case("pigs", full_model("pigs", 2), "source", "percent")
  )
)
write_cases("unbalanced", "Unbalanced tables without empty cells that matter.",
            c("car", "emmeans", "estimability", "mvtnorm"), cases)
