# Computes anova and aliases where an interaction is confounded with blocks, and of a Latin square.
#
# The versions of R and of the packages are written into expected/blocks.json.

source("tests/sweeps/r/cases.R")

of_one_table <- function(name, model) with_the_gate(name, model, c("I", "II"))

# All but the interaction of all factors, which is what the blocks hold.
but_the_highest <- function(name) full_model(name, length(TABLES[[name]]$factors) - 1)

cases <- c(
  of_one_table("npk", full_model("npk", 3)),
  of_one_table("npk", full_model("npk", 2)),
  of_one_table("npk", full_model("npk", 1)),
  of_one_table("pilot_plant_blocks", full_model("pilot_plant_blocks", 3)),
  of_one_table("pilot_plant_blocks", but_the_highest("pilot_plant_blocks")),
  of_one_table("filtration_blocks", full_model("filtration_blocks", 2)),
  of_one_table("filtration_blocks", full_model("filtration_blocks", 4)),
  of_one_table("orchardsprays", full_model("orchardsprays")),
  of_one_table("follows_gpu", full_model("follows_gpu"))
)
write_cases("blocks", "Blocks: confounded with an interaction, crossed, followed by a factor.",
            c("car", "emmeans", "estimability", "mvtnorm"), cases)
