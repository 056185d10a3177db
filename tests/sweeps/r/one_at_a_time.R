# Computes what can be told from one-factor-at-a-time sweeps, with their baseline and without it.
#
# Without the baseline no effect is estimable, but differences between effects are (METHOD 2). Also
# the four runs of DESIGN 1 and factors that nearly always went together. The versions of R and of
# the packages are written into expected/one_at_a_time.json.

source("tests/sweeps/r/cases.R")

of_one_table <- function(name) with_the_gate(name, full_model(name))

# Effects of second minus first level are -2 beta in sum coding.
batch <- c("batch[8]" = -2)
ratio <- c("ratio[1:1]" = -2)
cadence <- c("cadence[200]" = -2)
effects_of <- function(name) {
  functions_case(name, full_model(name), batch, ratio, cadence, c(batch, -ratio),
                 c(batch, -cadence), c(ratio, -cadence), c(batch, ratio), c(batch, ratio, cadence))
}

# Between levels that are no baseline, a factor's contrasts stand without the baseline too.
lr <- functions_case(
  "ofat_levels_crashed", full_model("ofat_levels_crashed"),
  c("lr[1e-05]" = -1, "lr[5e-05]" = 1), c("lr[1e-05]" = -1, "lr[2e-05]" = 1),
  c("batch[8]" = -2, "batch[16]" = -1), c("batch[8]" = -1, "batch[16]" = 1)
)

cases <- c(
  of_one_table("ofat"), of_one_table("ofat_crashed"),
  of_one_table("ofat_levels"), of_one_table("ofat_levels_crashed"),
  of_one_table("four_runs"), of_one_table("near_alias"),
  list(
    effects_of("ofat"), effects_of("ofat_crashed"), effects_of("four_runs"), lr,
    baseline_case("ofat_levels", full_model("ofat_levels"), "batch"),
    baseline_case("ofat_levels", full_model("ofat_levels"), "lr"),
    gvif_case("ofat", full_model("ofat")), gvif_case("ofat_levels", full_model("ofat_levels")),
    gvif_case("near_alias", full_model("near_alias"))
  )
)
write_cases("one_at_a_time", "One factor at a time, four runs, and factors that nearly went together.",
            c("car", "emmeans", "estimability", "mvtnorm"), cases)
