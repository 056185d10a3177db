# Adjusted p-values: p.adjust, Tukey-Kramer, Dunnett by mvtnorm. For multiplicity.py.
#
# multcomp's own p-values carry the error of pmvt (abseps 1e-3 by default). Here they are worked out
# twice: by pmvt in half a million points, with the error that it states, and where one control is
# shared by nested adaptive quadrature, to about 1e-10.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "json.R"))
suppressMessages(library(multcomp))
library(mvtnorm)

p <- c(0.01, 0.02, 0.03, 0.0004, 0.03, 0.7, 1, 0.2, 0.0499, 0.02)
adjusted <- list(
  p = p, holm = p.adjust(p, "holm"), bh = p.adjust(p, "BH"), bonferroni = p.adjust(p, "bonferroni")
)

tukey <- function(formula, data, factor) {
  fit <- aov(formula, data)
  df <- df.residual(fit)
  levels <- nlevels(data[[factor]])
  pairs <- glht(fit, linfct = do.call(mcp, setNames(list("Tukey"), factor)))
  t <- unname(pairs$linfct %*% coef(fit) / sqrt(diag(pairs$linfct %*% vcov(fit) %*% t(pairs$linfct))))
  list(t = as.vector(t), levels = levels, df = df,
       p = as.vector(ptukey(sqrt(2) * abs(t), levels, df, lower.tail = FALSE)),
       honest = unname(TukeyHSD(fit)[[factor]][, "p adj"]),
       critical = qtukey(0.95, levels, df) / sqrt(2))
}

# P(max |T| >= bound) by pmvt, and the error that it states itself.
tail_of <- function(bound, corr, df) {
  k <- nrow(corr)
  rule <- GenzBretz(maxpts = 5e5, abseps = 1e-7, releps = 0)
  inside <- pmvt(rep(-bound, k), rep(bound, k), corr = corr, df = if (is.finite(df)) df else 0,
                 algorithm = rule)
  c(1 - inside, attr(inside, "error"))
}

# The same for correlations l_i l_j, by adaptive quadrature over what the statistics share.
product_tail <- function(bound, l, df) {
  some <- function(b) {
    given <- function(z) sapply(z, function(at) {
      out <- pnorm((l * at - b) / sqrt(1 - l^2)) + pnorm((-l * at - b) / sqrt(1 - l^2))
      -expm1(sum(log1p(-out))) * dnorm(at)
    })
    2 * integrate(given, 0, 9, rel.tol = 1e-12, subdivisions = 500)$value
  }
  if (!is.finite(df)) return(some(bound))
  over_spread <- function(s) sapply(s, function(at) {
    some(bound * at) * 2 * at * df * dchisq(df * at^2, df)
  })
  far <- sqrt(qchisq(1e-15, df, lower.tail = FALSE) / df)
  parts <- c(0, 0.5, 1, 1.5, far)
  sum(mapply(function(from, to) integrate(over_spread, from, to, rel.tol = 1e-11)$value,
             parts[-5], parts[-1]))
}

family <- function(t, corr, df, l = NULL) {
  set.seed(4)
  tails <- sapply(abs(t), tail_of, corr = corr, df = df)
  list(t = as.vector(t), correlation = corr, df = if (is.finite(df)) df else NULL,
       p = if (!is.null(l)) sapply(abs(t), product_tail, l = l, df = df),
       pmvt = tails[1, ], pmvt_error = tails[2, ])
}

dunnett <- function(formula, data, factor) {
  fit <- aov(formula, data)
  against <- glht(fit, linfct = do.call(mcp, setNames(list("Dunnett"), factor)))
  v <- against$linfct %*% vcov(fit) %*% t(against$linfct)
  t <- against$linfct %*% coef(fit) / sqrt(diag(v))
  n <- table(data[[factor]])
  made <- family(t, unname(cov2cor(v)), df.residual(fit), l = sqrt(n[-1] / (n[-1] + n[1])))
  shown <- summary(against, test = multcomp::adjusted("single-step", abseps = 1e-7, maxpts = 5e5))
  c(made, list(multcomp = as.vector(shown$test$pvalues)))
}
general <- rbind(c(1, 0.5, 0.2, 0.1), c(0.5, 1, -0.3, 0), c(0.2, -0.3, 1, 0.2), c(0.1, 0, 0.2, 1))
lambda <- sqrt(c(3, 5, 8, 40) / (c(3, 5, 8, 40) + 4))
products <- outer(lambda, lambda)
diag(products) <- 1

critical <- function(k, df) {
  l <- rep(sqrt(0.5), k)
  value <- uniroot(function(c) product_tail(c, l, df) - 0.05, c(2, 3.5), tol = 1e-10)$root
  list(k = k, df = df, value = value)
}

wb <- transform(warpbreaks, cell = interaction(wool, tension))
uneven <- InsectSprays[-c(1:5, 20:22, 60:68), ]

write_expected("multiplicity", packages = c("multcomp", "mvtnorm"), values = list(
  adjusted = adjusted,
  tukey = list(
    plantgrowth = tukey(weight ~ group, PlantGrowth, "group"),
    warpbreaks = tukey(breaks ~ tension, warpbreaks, "tension"),
    cells = tukey(breaks ~ cell, wb, "cell"),
    uneven = tukey(sqrt(count) ~ spray, uneven, "spray")
  ),
  dunnett = list(
    plantgrowth = dunnett(weight ~ group, PlantGrowth, "group"),
    recovery = dunnett(minutes ~ blanket, recovery, "blanket"),
    uneven = dunnett(sqrt(count) ~ spray, uneven, "spray"),
    infinite = family(c(0.5, 1.2, 2.4, 3.1), products, Inf, lambda),
    two_correlations = family(c(1.9, 2.3), rbind(c(1, -0.35), c(-0.35, 1)), 7,
                              l = sqrt(0.35) * c(1, -1))
  ),
  general = list(finite = family(c(1.5, 2, 2.5, 3.5), general, 10),
                 infinite = family(c(1.5, 2, 2.5, 3.5), general, Inf)),
  critical = list(critical(2, 30), critical(4, 12))
))
