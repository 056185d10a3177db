# Computes what is left of models with interactions where cells are empty: Type II, margins, aliases.
#
# Type II by explicit pairs of fits; Type III is refused by car::Anova, and by us. The versions of R
# and of the packages are written into expected/empty_cells.json.

source("tests/sweeps/r/cases.R")

of_one_table <- function(name, model) with_the_gate(name, model, c("I", "II", "III"))

cases <- c(
  of_one_table("nutrition", full_model("nutrition", 2)),
  of_one_table("nutrition", full_model("nutrition", 3)),
  of_one_table("battery_one_empty", full_model("battery_one_empty", 2)),
  of_one_table("battery_one_empty", full_model("battery_one_empty")),
  of_one_table("battery_two_empty", full_model("battery_two_empty", 2)),
  of_one_table("battery_two_empty", full_model("battery_two_empty")),
  of_one_table("battery_disconnected", full_model("battery_disconnected", 2)),
  of_one_table("battery_disconnected", full_model("battery_disconnected")),
  of_one_table("crashed_corner", full_model("crashed_corner", 2)),
  of_one_table("crashed_corner", full_model("crashed_corner")),
  list(
    margins_case("nutrition", full_model("nutrition", 2), "group", "race"),
    margins_case("nutrition", full_model("nutrition", 2), "age", "group"),
    margins_case("battery_one_empty", full_model("battery_one_empty", 2), "material", "temperature")
  )
)
write_cases("empty_cells", "Tables with empty cells, by nature or by crashes.",
            c("car", "emmeans", "estimability", "mvtnorm"), cases)
