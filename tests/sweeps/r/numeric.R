# Computes slopes of numeric factors on their transformed scale, and what a tied ratio leaves open.
#
# The versions of R and of the packages are written into expected/numeric.json.

source("tests/sweeps/r/cases.R")

# A slope over half of the range (the coefficient), and for one step of the transformed number.
slopes_case <- function(name, model) {
  rows <- finished_runs(name)
  x <- design_of(rows, model)
  fit <- fit_of(x, response_of(rows, model))
  expected <- lapply(names(model$numeric), function(key) {
    numbers <- range(numbers_of(levels(rows[[key]]), model$numeric[[key]]))
    half <- diff(numbers) / 2
    function_row <- matrix(as.numeric(colnames(x) == key), 1)
    scaled <- as.list(estimates_of(fit, function_row))
    step <- lapply(scaled[c("estimate", "se", "low", "high")], function(value) value / half)
    list(factor = key, middle = mean(numbers), half = half, scaled = scaled, per_step = step)
  })
  check_slopes(rows, model, expected)
  case_of(name, model, "slopes", "lm.fit; compared with confint(lm) on the unscaled numbers", expected)
}

check_slopes <- function(rows, model, expected) {
  unscaled <- rows
  for (key in names(model$numeric)) unscaled[[key]] <- numbers_of(rows[[key]], model$numeric[[key]])
  unscaled$.y <- response_of(rows, model)
  fit <- update(as_lm(rows, model), data = unscaled)
  for (slope in Filter(function(slope) slope$scaled$estimable, expected)) {
    same(unlist(slope$per_step[c("low", "high")]), confint(fit)[slope$factor, ])
  }
}

of_one_model <- function(name, model) {
  list(model_matrix_case(name, model), rank_case(name, model), terms_case(name, model),
       aliases_case(name, model), slopes_case(name, model), anova_case(name, model))
}

dose <- model_of("len", "supp", "dose", numeric = list(dose = "log2"))
parallel <- model_of("len", "supp", "dose", c("supp", "dose"), numeric = list(dose = "log2"))
three <- list(len = "identity", amp = "identity", load = "identity")
logs <- list(lr = "log2", batch = "log2")
lines <- list(lr = "identity", batch = "identity")
sweep <- function(...) model_of("loss", "lr", "batch", "decay", ...)

cases <- c(
  of_one_model("toothgrowth", dose),
  of_one_model("toothgrowth", parallel),
  of_one_model("wool", full_model("wool", numeric = three, transform = "log")),
  of_one_model("pigs", full_model("pigs", numeric = list(percent = "identity"))),
  of_one_model("pigs", full_model("pigs", numeric = list(percent = "identity"), transform = "log")),
  of_one_model("ratio_free", sweep(numeric = logs)),
  of_one_model("ratio_free", sweep(numeric = list(lr = "log10", batch = "log2"))),
  of_one_model("ratio_tied", sweep(numeric = logs)),
  of_one_model("ratio_tied", sweep(numeric = lines)),
  of_one_model("ratio_tied", sweep()),
  list(
    margins_case("toothgrowth", dose, "supp"), pairwise_case("toothgrowth", dose, "supp"),
    gvif_case("ratio_free", sweep(numeric = logs)), gvif_case("nearly_tied", sweep(numeric = logs)),
    rank_case("nearly_tied", sweep(numeric = logs)), slopes_case("nearly_tied", sweep(numeric = logs)),
    pairwise_case("ratio_tied", sweep(numeric = logs), "decay"),
    # Together they have a slope: what one doubling of both does.
    functions_case("ratio_tied", sweep(numeric = logs), c(lr = 1), c(batch = 1),
                   c(lr = 1, batch = 1), c(lr = 1, batch = -1), c("decay[0]" = -2))
  )
)
write_cases("numeric", "Numeric factors: slopes, and a ratio that never changed.",
            c("car", "emmeans", "estimability"), cases)
