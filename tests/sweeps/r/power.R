# Power: power.t.test, power.anova.test and the noncentral F law. For power.py.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "json.R"))

of_pairs <- function(n, delta, sd, alpha) {
  made <- power.t.test(n = n, delta = delta, sd = sd, sig.level = alpha, type = "paired", strict = TRUE)
  list(n = n, effect = delta, sd = sd, alpha = alpha, power = made$power)
}

strict_power <- function(n, ratio, alpha) {
  if (n < 2) return(0)
  power.t.test(n = n, delta = ratio, sd = 1, sig.level = alpha, type = "paired", strict = TRUE)$power
}

needed <- function(ratio, alpha, power) {
  n <- 2
  while (strict_power(n, ratio, alpha) < power) n <- n + 1
  list(ratio = ratio, alpha = alpha, power = power, n = n)
}

detectable <- function(n, alpha, power) {
  root <- uniroot(function(d) strict_power(n, d, alpha) - power, c(1e-3, 40), tol = 1e-13)$root
  list(n = n, alpha = alpha, power = power, effect = root)
}

anova_power <- function(groups, n, difference, sd, alpha) {
  between <- difference^2 / 2 / (groups - 1)  # variance of the means +-D/2, 0, ...
  made <- power.anova.test(groups, n, between, sd^2, alpha)
  list(levels = groups, per_level = n, difference = difference, sd = sd, alpha = alpha,
       df = groups * (n - 1), power = made$power)
}

two_levels <- function(runs, parameters, effect, sd, alpha) {
  df <- runs - parameters
  lambda <- runs * (effect / (2 * sd))^2
  bound <- qt(alpha / 2, df, lower.tail = FALSE)
  power <- pt(bound, df, sqrt(lambda), lower.tail = FALSE) + pt(-bound, df, sqrt(lambda))
  list(runs = runs, parameters = parameters, effect = effect, sd = sd, alpha = alpha, power = power)
}

contrast <- function(lambda, df1, df2, alpha) {
  power <- pf(qf(alpha, df1, df2, lower.tail = FALSE), df1, df2, lambda, lower.tail = FALSE)
  list(noncentrality = lambda, df1 = df1, df2 = df2, alpha = alpha, power = power)
}

ratios <- c(0.5, 0.8, 1, 1.5, 2, 3)

write_expected("power", list(
  pairs = list(of_pairs(3, 1, 1, 0.05), of_pairs(5, 0.02, 0.013, 0.05), of_pairs(12, 0.5, 1, 0.01),
               of_pairs(2, 4, 1, 0.05), of_pairs(40, 0.5, 1, 0.05 / 6), of_pairs(200, 0.1, 1, 0.05)),
  needed = c(lapply(ratios, needed, alpha = 0.05, power = 0.8),
             lapply(ratios, needed, alpha = 0.05 / 6, power = 0.9)),
  detectable = list(detectable(3, 0.05, 0.8), detectable(6, 0.05, 0.8), detectable(12, 0.01, 0.9)),
  levels = list(anova_power(3, 5, 2, 1.2, 0.05), anova_power(5, 3, 1, 0.4, 0.01)),
  two_levels = list(two_levels(8, 4, 1, 0.7, 0.05), two_levels(16, 11, 0.02, 0.013, 0.05 / 4)),
  contrasts = list(contrast(1, 1, 9, 0.05), contrast(10, 3, 20, 0.01), contrast(60, 4, 7, 0.001)),
  upper_sd = list(list(s = 0.013, df = 4, risk = 0.2, sd = 0.013 * sqrt(4 / qchisq(0.2, 4))),
                  list(s = 2, df = 11, risk = 0.05, sd = 2 * sqrt(11 / qchisq(0.05, 11))))
))
