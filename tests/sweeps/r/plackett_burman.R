# Computes alias matrices with thirds, estimates and inflation of Plackett-Burman designs of 12 runs.
#
# The versions of R and of the packages are written into expected/plackett_burman.json.

source("tests/sweeps/r/cases.R")

# The first factors of the cast fatigue experiment, which had seven; H to K are dummies.
of_first <- function(count, ...) {
  do.call(model_of, c(list("log_life"), as.list(head(LETTERS, count)), list(...)))
}
pairs_of <- function(count) {
  do.call(model_of, c(list("log_life"), combn(head(LETTERS, count), 2, simplify = FALSE)))
}

of_one_model <- function(name, model, omitted) {
  c(
    list(rank_case(name, model), terms_case(name, model), coefficients_case(name, model),
         anova_case(name, model), gvif_case(name, model)),
    if (!is.null(omitted)) list(alias_matrix_case(name, model, omitted)),
    lapply(unlist(Filter(function(term) length(term) == 1, model$terms)), function(factor) {
      pairwise_case(name, model, factor)
    })
  )
}

with_one_pair <- model_of("log_life", "A", "B", "C", "D", "E", "F", "G", c("F", "G"))
all_pairs_of_five <- full_model("reactor_pb12", 2)

cases <- c(
  of_one_model("cast_fatigue", of_first(11), pairs_of(11)),
  of_one_model("cast_fatigue", of_first(7), pairs_of(7)),
  of_one_model("cast_fatigue", model_of("log_life", "F", "G", c("F", "G")), NULL),
  of_one_model("cast_fatigue", with_one_pair, NULL),
  of_one_model("reactor_pb12", full_model("reactor_pb12"), two_factor_interactions("reactor_pb12")),
  list(
    model_matrix_case("cast_fatigue", of_first(11)),
    rank_case("reactor_pb12", all_pairs_of_five), terms_case("reactor_pb12", all_pairs_of_five),
    aliases_case("reactor_pb12", all_pairs_of_five),
    contrasts_case("reactor_pb12", all_pairs_of_five)
  )
)
write_cases("plackett_burman", "Plackett-Burman designs of 12 runs with 11, 7 and 5 factors.",
            c("car", "emmeans", "estimability", "mvtnorm"), cases)
