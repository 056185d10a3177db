# Family-wise p and critical values of Tukey and Dunnett by numerical integration.
#
# R's ptukey is right to 1e-10 with many degrees of freedom but only to 1e-5 with two, and
# mvtnorm's t is drawn by quasi Monte Carlo. Integrals in two dimensions are exact to 1e-10; the
# scripts compare them with ptukey and mvtnorm as closely as those allow.

# Integral over the ratio of the estimated to the true standard deviation, chi(df) / sqrt(df).
over_spread <- function(upper, df) {
  integrand <- function(s) vapply(s, function(one) 2 * df * one * dchisq(df * one^2, df) * upper(one), 1)
  last <- sqrt(qchisq(1e-17, df, lower.tail = FALSE) / df)
  breaks <- sort(c(0, qchisq(c(1e-4, 0.5, 1 - 1e-4), df) / df, last^2))
  parts <- vapply(seq_len(length(breaks) - 1), function(i) {
    integrate(integrand, sqrt(breaks[i]), sqrt(breaks[i + 1]), rel.tol = 1e-11, abs.tol = 1e-15,
              subdivisions = 1000)$value
  }, 1)
  sum(parts)
}

# Nodes and weights of Gauss and Legendre on (-1, 1), from the eigenvalues of Golub & Welsch 1969.
gauss_legendre <- function(size) {
  beside <- seq_len(size - 1) / sqrt(4 * seq_len(size - 1)^2 - 1)
  matrix <- diag(0, size)
  matrix[cbind(seq_len(size - 1), seq_len(size - 1) + 1)] <- beside
  found <- eigen(matrix + t(matrix), symmetric = TRUE)
  list(nodes = found$values, weights = 2 * found$vectors[1, ]^2)
}

# 60 panels of 12 nodes: beyond 9 the normal density adds less than 1e-18.
RULE <- gauss_legendre(12)
PANELS <- seq(-9, 9, length.out = 61)
NODES <- as.vector(outer(RULE$nodes * 0.15, head(PANELS, -1) + 0.15, `+`))
WEIGHTS <- rep(RULE$weights * 0.15, 60) * dnorm(NODES)
stopifnot(abs(sum(WEIGHTS) - 1) < 1e-14)

over_normal <- function(integrand) sum(WEIGHTS * integrand(NODES))

# P(range of `levels` normals / s > q): all pairs of one factor.
tukey_upper <- function(q, levels, df) {
  # A range above r: all other normals below z, but not all within r of it.
  over_spread(function(s) levels * over_normal(function(z) {
    pnorm(z)^(levels - 1) - (pnorm(z) - pnorm(z - q * s))^(levels - 1)
  }), df)
}

# P(max |t| > c) for t with the correlation l_i l_j: all levels against one.
dunnett_upper <- function(c, loadings, df) {
  spread <- sqrt(1 - loadings^2)
  over_spread(function(s) over_normal(function(z) {
    inside <- Map(function(l, own) pnorm((c * s + l * z) / own) - pnorm((l * z - c * s) / own),
                  loadings, spread)
    1 - Reduce(`*`, inside)
  }), df)
}

# l with correlation = l l' off the diagonal; stops where there is none.
loadings_of <- function(correlation) {
  size <- nrow(correlation)
  if (size == 1) return(0)
  if (size == 2) return(rep(sqrt(correlation[1, 2]), 2))
  loadings <- vapply(seq_len(size), function(i) {
    others <- setdiff(seq_len(size), i)[1:2]
    sqrt(correlation[i, others[1]] * correlation[i, others[2]] / correlation[others[1], others[2]])
  }, 1)
  rest <- outer(loadings, loadings) - correlation
  stopifnot(all(loadings < 1), max(abs(rest[upper.tri(rest)])) < 1e-10)
  loadings
}

critical_value <- function(upper, level = 0.05) {
  uniroot(function(c) upper(c) - level, c(1, 60), tol = 1e-11)$root
}

tukey_family <- function(t, levels, df) {
  if (levels == 2) return(list(p = 2 * pt(-abs(t), df), critical = qt(0.975, df)))
  p <- vapply(sqrt(2) * abs(t), tukey_upper, 1, levels = levels, df = df)
  stopifnot(max(abs(p - ptukey(sqrt(2) * abs(t), levels, df, lower.tail = FALSE))) < 2e-5)
  list(p = p, critical = critical_value(function(q) tukey_upper(q, levels, df)) / sqrt(2))
}

dunnett_family <- function(t, correlation, df) {
  loadings <- loadings_of(correlation)
  p <- vapply(abs(t), dunnett_upper, 1, loadings = loadings, df = df)
  check_dunnett(p, t, correlation, df)
  list(p = p, critical = critical_value(function(c) dunnett_upper(c, loadings, df)))
}

check_dunnett <- function(p, t, correlation, df) {
  set.seed(1)
  drawn <- vapply(abs(t), function(c) {
    box <- rep(c, nrow(correlation))
    1 - mvtnorm::pmvt(-box, box, df = df, corr = correlation,
                      algorithm = mvtnorm::GenzBretz(maxpts = 1e7, abseps = 1e-7))[1]
  }, 1)
  stopifnot(max(abs(p - drawn)) < 2e-6)
}
