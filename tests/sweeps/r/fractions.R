# Computes aliases, alias matrices and estimates of regular two-level fractions.
#
# The versions of R and of the packages are written into expected/fractions.json.

source("tests/sweeps/r/cases.R")

main_only <- function(name) full_model(name, 1)
with_pairs <- function(name) full_model(name, 2)

of_one_fraction <- function(name) {
  factors <- names(TABLES[[name]]$factors)
  c(
    list(
      model_matrix_case(name, main_only(name)),
      rank_case(name, main_only(name)), rank_case(name, with_pairs(name)),
      terms_case(name, main_only(name)), terms_case(name, with_pairs(name)),
      aliases_case(name, with_pairs(name)), contrasts_case(name, with_pairs(name)),
      alias_matrix_case(name, main_only(name)),
      coefficients_case(name, main_only(name)),
      anova_case(name, main_only(name)), anova_case(name, with_pairs(name))
    ),
    lapply(factors, function(factor) pairwise_case(name, main_only(name), factor))
  )
}

# In 2^(4-1) with I = ABCD a pair of factors is aliased with the other pair: only sums are known.
AB <- "temperature[-1] x pressure[-1]"
CD <- "concentration[-1] x stirring[-1]"
sums <- functions_case(
  "filtration_half", with_pairs("filtration_half"),
  setNames(1, AB), setNames(1, CD), setNames(c(1, 1), c(AB, CD)), setNames(c(1, -1), c(AB, CD)),
  c("temperature[-1]" = -2)
)

# Words of three letters in 2^(5-2): D = AB makes the three-factor model singular in main effects.
quarter <- model_of("reacted", "feed", "catalyst", "temperature", c("feed", "catalyst"))

cases <- c(
  of_one_fraction("filtration_half"),
  of_one_fraction("reactor_half"),
  of_one_fraction("reactor_quarter"),
  of_one_fraction("bicycle"),
  list(
    sums,
    aliases_case("reactor_quarter", quarter), terms_case("reactor_quarter", quarter),
    aliases_case("filtration_half", full_model("filtration_half", 3)),
    aliases_case("reactor_half", full_model("reactor_half", 3)),
    functions_case("reactor_quarter", quarter, c("temperature[-1]" = 1),
                   c("temperature[-1]" = 1, "feed[-1] x catalyst[-1]" = -1),
                   c("temperature[-1]" = 1, "feed[-1] x catalyst[-1]" = 1))
  )
)
write_cases("fractions", "Regular fractions 2^(4-1), 2^(5-1), 2^(5-2) and 2^(7-4).",
            c("car", "emmeans", "estimability", "mvtnorm"), cases)
