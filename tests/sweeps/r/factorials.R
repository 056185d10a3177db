# Computes anova, margins, Tukey and Dunnett contrasts and coefficients of balanced full factorials.
#
# The versions of R and of the packages are written into expected/factorials.json.

source("tests/sweeps/r/cases.R")

cases <- c(
  of_one_model("plantgrowth", full_model("plantgrowth"), "group"),
  of_one_model("recovery", full_model("recovery"), "blanket"),
  of_one_model("battery", full_model("battery", 2)),
  of_one_model("battery", full_model("battery")),
  of_one_model("warpbreaks", full_model("warpbreaks", 2), c("wool", "tension")),
  of_one_model("warpbreaks", full_model("warpbreaks", transform = "log"), "tension"),
  of_one_model("toothgrowth", full_model("toothgrowth", 2), "dose"),
  of_one_model("pilot_plant", full_model("pilot_plant", 3)),
  of_one_model("pilot_plant", full_model("pilot_plant", 2)),
  of_one_model("autonoise", full_model("autonoise", 3)),
  of_one_model("autonoise", full_model("autonoise", 2)),
  of_one_model("wool", full_model("wool", 2, transform = "log")),
  of_one_model("filtration", full_model("filtration", 2)),
  of_one_model("reactor", full_model("reactor", 2)),
  list(
    model_matrix_case("battery", full_model("battery", 2)),
    model_matrix_case("pilot_plant", full_model("pilot_plant", 3)),
    margins_case("battery", full_model("battery", 2), "material", "temperature"),
    margins_case("warpbreaks", full_model("warpbreaks", 2), "wool", "tension"),
    margins_case("autonoise", full_model("autonoise", 3), "size", "type")
  )
)
write_cases(
  "factorials", "Balanced full factorials: one table, whatever the type of the sums of squares.",
  c("car", "emmeans", "estimability", "mvtnorm"), cases
)
