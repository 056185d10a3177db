# Computes Brown-Forsythe tests, HC3 covariances and tests and contrasts with them (METHOD 5.4).
#
# With leverage one HC3 is 0/0 (METHOD 14, 4). The versions of R and of the packages are written
# into expected/unequal_variances.json.

source("tests/sweeps/r/cases.R")

brown_forsythe_case <- function(name, model) {
  rows <- finished_runs(name)
  y <- response_of(rows, model)
  cell <- interaction(rows[unique(unlist(model$terms))], drop = TRUE, sep = ", ", lex.order = TRUE)
  test <- leveneTest(y, cell, center = median)
  spread <- tapply(y, cell, sd)
  sizes <- table(cell)
  expected <- list(
    F = test[["F value"]][1], df = test[["Df"]][1], df_error = test[["Df"]][2], p = test[["Pr(>F)"]][1],
    cells = as_objects(data.frame(cell = levels(cell), n = as.vector(sizes), sd = as.vector(spread))),
    largest_to_smallest_sd = max(spread, na.rm = TRUE) / min(spread, na.rm = TRUE)
  )
  case_of(name, model, "brown_forsythe", "car::leveneTest(center = median)", expected)
}

covariance_of <- function(x, y) {
  fit <- fit_of(x, y)
  leverage <- hatvalues(lm(y ~ x - 1))
  bread <- fit$inverse
  residual <- as.vector(y - x %*% fit$beta)
  v <- bread %*% crossprod(x * (residual / (1 - leverage))) %*% bread
  theirs <- sandwich::vcovHC(lm(y ~ x - 1), type = "HC3")
  same(v, theirs)
  list(covariance = v, leverage = unname(leverage))
}

# Tests of L b = 0 with a robust covariance, three ways to choose L; they agree without interactions.
#   II      what the difference of the two least-squares fits tests: X_T' (I - P_S) X
#   car_II  car::Anova(type = "II", white.adjust = "hc3"): L depends on the covariance itself
#   III     the term's own coefficients in sum coding
robust_tests <- function(model, x, y, v) {
  fit <- fit_of(x, y)
  lapply(seq_along(model$terms), function(place) {
    own <- attr(x, "term") == place
    before <- x[, attr(x, "term") %in% c(0, adjusted_for(model, place, "II")), drop = FALSE]
    list(term = term_name(model$terms[[place]]),
         II = robust_test(fit, crossprod(qr.resid(qr(before), x[, own, drop = FALSE]), x), v),
         III = robust_test(fit, diag(ncol(x))[own, , drop = FALSE], v))
  })
}

robust_test <- function(fit, functions, v) {
  b <- functions %*% fit$beta
  df <- nrow(functions)
  F <- as.vector(t(b) %*% solve(functions %*% v %*% t(functions), b)) / df
  list(df = df, df_error = fit$df, F = F, p = pf(F, df, fit$df, lower.tail = FALSE))
}

car_tests <- function(rows, model) {
  found <- suppressMessages(Anova(as_lm(rows, model), type = "II", white.adjust = "hc3"))
  terms <- vapply(model$terms, paste, "", collapse = ":")
  lapply(terms, function(term) {
    list(df = found[term, "Df"], F = found[term, "F"], p = found[term, "Pr(>F)"])
  })
}

hc3_case <- function(name, model) {
  rows <- finished_runs(name)
  x <- design_of(rows, model)
  y <- response_of(rows, model)
  robust <- covariance_of(x, y)
  tests <- robust_tests(model, x, y, robust$covariance)
  tests <- Map(function(ours, theirs) c(ours, list(car_II = theirs)), tests, car_tests(rows, model))
  if (all(lengths(model$terms) == 1)) {
    for (test in tests) same(c(test$II$F, test$III$F), rep(test$car_II$F, 2))
  }
  expected <- list(columns = as.list(colnames(x)), covariance = unname(robust$covariance),
                   largest_leverage = max(robust$leverage), terms = tests)
  case_of(name, model, "hc3", "sandwich::vcovHC(type = \"HC3\"); car::Anova(white.adjust)", expected)
}

hc3_pairwise_case <- function(name, model, factor) {
  rows <- finished_runs(name)
  x <- design_of(rows, model)
  y <- response_of(rows, model)
  pairs <- all_pairs(margin_rows(rows, model, factor))
  found <- estimates_of(fit_of(x, y), pairs$functions, covariance_of(x, y)$covariance)
  fit <- as_lm(rows, model)
  margins <- emmeans(fit, factor, vcov. = sandwich::vcovHC(fit, type = "HC3"))
  theirs <- shown(emmeans::contrast(margins, "revpairwise", adjust = "none"))
  names <- paste(emmeans_label(pairs$to, factor), emmeans_label(pairs$from, factor), sep = " - ")
  same(found$se, theirs$SE[match(names, gsub("[()]", "", theirs$contrast))])
  expected <- contrasts_of(pairs, found, tukey_family(found$t, nlevels(rows[[factor]]), found$df[1]))
  case_of(name, model, "hc3_pairwise", "compared with emmeans::emmeans(vcov. = vcovHC(\"HC3\"))",
          list(factor = factor, family = "tukey", size = nrow(found), contrasts = expected))
}

# A cell of one run in a model that gives it its own mean: leverage one, residual zero, HC3 0/0.
leverage_case <- function(name, model) {
  rows <- finished_runs(name)
  x <- design_of(rows, model)
  y <- response_of(rows, model)
  leverage <- unname(hatvalues(lm(y ~ x - 1)))
  diagonal <- suppressWarnings(diag(sandwich::vcovHC(as_lm(rows, model), type = "HC3")))
  expected <- list(largest_leverage = max(leverage),
                   runs_with_leverage_one = as.list(rows$run[leverage > 1 - 1e-8]),
                   hc3 = NULL, sandwich_gives_finite_numbers = all(is.finite(diagonal)))
  case_of(name, model, "hc3_undefined", "hatvalues; sandwich::vcovHC", expected)
}

main <- function(name, ...) full_model(name, 1, ...)
both <- function(name, ...) full_model(name, 2, ...)
cases <- list(
  brown_forsythe_case("insectsprays", main("insectsprays")),
  brown_forsythe_case("poisons", both("poisons")),
  brown_forsythe_case("poisons", both("poisons", transform = "log")),
  brown_forsythe_case("warpbreaks", both("warpbreaks")),
  brown_forsythe_case("plantgrowth", main("plantgrowth")),
  brown_forsythe_case("warpbreaks_thinned", both("warpbreaks_thinned")),
  anova_case("insectsprays", main("insectsprays")),
  anova_case("poisons", both("poisons")), anova_case("poisons", both("poisons", transform = "log")),
  baseline_case("poisons", both("poisons", transform = "log"), "treat"),
  hc3_case("insectsprays", main("insectsprays")),
  hc3_case("poisons", main("poisons")), hc3_case("poisons", both("poisons")),
  hc3_case("warpbreaks_thinned", main("warpbreaks_thinned")),
  hc3_case("warpbreaks_thinned", both("warpbreaks_thinned")),
  hc3_pairwise_case("insectsprays", main("insectsprays"), "spray"),
  hc3_pairwise_case("poisons", both("poisons"), "poison"),
  hc3_pairwise_case("poisons", both("poisons"), "treat"),
  hc3_pairwise_case("warpbreaks_thinned", main("warpbreaks_thinned"), "tension"),
  leverage_case("poisons_thinned", both("poisons_thinned")),
  anova_case("poisons_thinned", both("poisons_thinned")),
  pairwise_case("poisons_thinned", both("poisons_thinned"), "treat"),
  hc3_case("poisons_thinned", main("poisons_thinned"))
)
write_cases("unequal_variances", "Cells with unequal spread.",
            c("car", "emmeans", "estimability", "sandwich", "mvtnorm"), cases)
