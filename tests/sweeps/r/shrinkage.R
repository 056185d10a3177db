# Expected maxima, variance components and BLUPs of a one-way layout. For shrinkage.py.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "json.R"))

library(nlme)

expected_maximum <- function(k) {
  integrate(function(z) z * k * dnorm(z) * pnorm(z)^(k - 1), -12, 12, rel.tol = 1e-12,
            subdivisions = 2000)$value
}

# Davies & Goldsmith (1972), table 6.1: yields of dyestuff, five samples of six batches.
dyestuff <- list(
  c(1545, 1440, 1440, 1520, 1580), c(1540, 1555, 1490, 1560, 1495), c(1595, 1550, 1605, 1510, 1560),
  c(1445, 1440, 1595, 1465, 1545), c(1595, 1630, 1515, 1635, 1625), c(1520, 1455, 1450, 1480, 1445)
)
# Made up: unequal numbers of seeds, one of them alone; and one where seeds explain everything.
uneven <- list(c(0.91, 0.93, 0.92), c(0.88, 0.90), 0.95, c(0.84, 0.86, 0.85, 0.87), c(0.90, 0.94))
noise <- list(c(0.1, 0.9, 0.4), c(0.2, 0.7, 0.6), c(0.5, 0.3, 0.65))

# Moments for the components (mean squares of aov), the mixed model equations for the rest:
# G Z' V^-1 (y - mu), with mu by generalised least squares. No closed form is used twice.
shrunk <- function(groups) {
  n <- sapply(groups, length)
  y <- unlist(groups)
  cell <- factor(rep(seq_along(groups), n))
  ms <- summary(aov(y ~ cell))[[1]]$`Mean Sq`
  n0 <- (sum(n) - sum(n^2) / sum(n)) / (length(n) - 1)
  tau2 <- max(0, (ms[1] - ms[2]) / n0)
  z <- model.matrix(~ 0 + cell)
  inverse <- solve(tau2 * z %*% t(z) + ms[2] * diag(length(y)))
  mu <- sum(inverse %*% y) / sum(inverse)
  theta <- mu + tau2 * drop(t(z) %*% inverse %*% (y - mu))
  list(groups = lapply(groups, as.list), within_sd = sqrt(ms[2]), between_sd = sqrt(tau2), mu = mu,
       theta = unname(theta))
}

# An independent program: REML is the same as the moments where all groups are of one size.
by_lme <- function(groups) {
  frame <- data.frame(y = unlist(groups), cell = rep(seq_along(groups), sapply(groups, length)))
  fit <- lme(y ~ 1, frame, ~ 1 | cell, control = lmeControl(msTol = 1e-12, tolerance = 1e-12))
  list(within_sd = fit$sigma, between_sd = as.numeric(VarCorr(fit)[1, 2]),
       theta = unname(coef(fit)[, 1]))
}

k <- c(2, 3, 4, 5, 8, 10, 25, 100, 1000)
write_expected("shrinkage", packages = "nlme", values = list(
  maxima = list(k = k, e = sapply(k, expected_maximum)),
  dyestuff = shrunk(dyestuff), dyestuff_lme = by_lme(dyestuff),
  uneven = shrunk(uneven), noise = shrunk(noise)
))
