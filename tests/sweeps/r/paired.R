# Matched differences: t intervals, contexts, sign flips, signed ranks, BCa, Welch. For paired.py.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "json.R"))
suppressMessages(library(coin))

# Fisher, The Design of Experiments (1935), section 17: Darwin's maize, crossed less self-fertilised,
# eighths of an inch; by pot, as in Andrews & Herzberg, Data (1985), table 2.1.
darwin <- list(
  differences = c(49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48),
  contexts = c(1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 4, 4, 4, 4)
)
# Student, Biometrika 6 (1908): R's `sleep`, second drug less first; the contexts are made up.
sleep_data <- list(
  differences = with(sleep, extra[group == 2] - extra[group == 1]),
  contexts = c(1, 1, 1, 2, 2, 2, 3, 3, 3, 4)
)
# Made up: three zeros, and ties on both sides of 0.
tied <- list(
  differences = c(2, -1, 0, 1, 1, -2, 3, 2, 0, 1, 2, -1, 4, 0, 2, 3),
  contexts = rep(1:4, each = 4)
)
# Made up: unequal contexts that disagree, two of them with one pair.
uneven <- list(
  differences = c(0.31, 0.27, 0.35, -0.12, -0.05, 0.48, 0.11, 0.02, 0.19, 0.07),
  contexts = c(1, 1, 1, 2, 2, 3, 4, 4, 4, 5)
)
five <- list(differences = c(0.4, 0.1, 0.3, 0.25, 0.6), contexts = c(1, 1, 2, 2, 2))
# Made up: more pairs than are enumerated, rounded so that many are tied.
set.seed(7)
many <- list(differences = round(rnorm(60, 0.25, 1), 1), contexts = rep(1:20, each = 3))

headline <- function(d) {
  test <- t.test(d)
  wide <- t.test(d, conf.level = 0.99)
  list(estimate = unname(test$estimate), sd = sd(d), standard_error = test$stderr,
       df = unname(test$parameter), t = unname(test$statistic), p = test$p.value,
       low = test$conf.int[1], high = test$conf.int[2],
       low99 = wide$conf.int[1], high99 = wide$conf.int[2])
}

# The mean of the cell means of lm(d ~ 0 + context), and its F against lm(d ~ 1).
fixed <- function(d, contexts) {
  cell <- factor(contexts)
  full <- lm(d ~ 0 + cell)
  k <- rep(1 / nlevels(cell), nlevels(cell))
  se <- sqrt(drop(t(k) %*% vcov(full) %*% k))
  df <- df.residual(full)
  estimate <- sum(k * coef(full))
  t <- estimate / se
  half <- qt(0.975, df) * se
  table <- anova(lm(d ~ 1), full)
  list(means = unname(coef(full)), estimate = estimate, sd_within = sigma(full), standard_error = se,
       df = df, t = t, p = 2 * pt(-abs(t), df), low = estimate - half, high = estimate + half,
       f = table$F[2], df1 = table$Df[2], df2 = table$Res.Df[2], p_heterogeneity = table$`Pr(>F)`[2])
}

sign_flip <- function(d) {
  n <- length(d)
  if (n > 16) return(NULL)
  signs <- as.matrix(expand.grid(rep(list(c(-1, 1)), n)))
  mean(abs(signs %*% d) >= abs(sum(d)) - 1e-9)
}

# Differences are rounded first: coin's ranks take 1.3 and 1.3 + 2e-16 for different.
signed_rank <- function(d) {
  d <- round(d, 9)
  against <- data.frame(d = d, zero = 0)
  test <- wilcoxsign_test(d ~ zero, data = against, distribution = "exact", zero.method = "Wilcoxon")
  kept <- d[d != 0]
  list(n = length(kept), positive_rank_sum = sum(rank(abs(kept))[kept > 0]),
       p = as.numeric(pvalue(test)))
}

hodges_lehmann <- function(d) {
  walsh <- outer(d, d, "+") / 2
  median(walsh[lower.tri(walsh, diag = TRUE)])
}

# Above 300 differences: the normal law with the variance that the ties leave, no correction.
asymptotic <- function(d) {
  against <- data.frame(d = d, zero = 0)
  test <- wilcoxsign_test(d ~ zero, data = against, distribution = "asymptotic",
                          zero.method = "Wilcoxon")
  list(differences = d, p = as.numeric(pvalue(test)))
}

case <- function(data) {
  d <- data$differences
  c(data, list(headline = headline(d), fixed = fixed(d, data$contexts), sign_flip = sign_flip(d),
               signed_rank = signed_rank(d), hodges_lehmann = hodges_lehmann(d)))
}

# BCa by formula on given resamples: a congruential generator that any language can follow.
bca <- function(d, draws, level) {
  n <- length(d)
  state <- 12345
  means <- numeric(draws)
  for (b in seq_len(draws)) {
    picked <- integer(n)
    for (i in seq_len(n)) {
      state <- (state * 16807) %% 2147483647
      picked[i] <- state %% n + 1
    }
    means[b] <- mean(d[picked])
  }
  estimate <- mean(d)
  z0 <- qnorm((sum(means < estimate - 1e-9) + sum(abs(means - estimate) <= 1e-9) / 2) / draws)
  jack <- sapply(seq_len(n), function(i) mean(d[-i]))
  pull <- mean(jack) - jack
  a <- sum(pull^3) / (6 * sum(pull^2)^1.5)
  z <- qnorm(c((1 - level) / 2, (1 + level) / 2))
  limits <- quantile(means, pnorm(z0 + (z0 + z) / (1 - a * (z0 + z))), type = 7, names = FALSE)
  list(differences = d, level = level, resampled = means, low = limits[1], high = limits[2])
}

# boot's own BCa, 99,999 draws: what an interval from other draws must come near to.
boot_bca <- function(d) {
  set.seed(1)
  made <- boot::boot(d, function(x, i) mean(x[i]), R = 99999)
  limits <- boot::boot.ci(made, type = "bca")$bca
  list(differences = d, low = limits[4], high = limits[5])
}

welch_one <- function(a, b) {
  test <- t.test(b, a)
  list(a = list(a), b = list(b), estimate = unname(test$estimate[1] - test$estimate[2]),
       standard_error = test$stderr, df = unname(test$parameter), t = unname(test$statistic),
       p = test$p.value, low = test$conf.int[1], high = test$conf.int[2])
}

# Several contexts, by formula: the variances of all groups add up.
welch_several <- function(a, b) {
  estimate <- mean(mapply(function(x, y) mean(y) - mean(x), a, b))
  groups <- c(a, b)
  u <- sapply(groups, function(g) var(g) / length(g)) / length(a)^2
  se <- sqrt(sum(u))
  df <- sum(u)^2 / sum(u^2 / (sapply(groups, length) - 1))
  t <- estimate / se
  list(a = a, b = b, estimate = estimate, standard_error = se, df = df, t = t,
       p = 2 * pt(-abs(t), df), low = estimate - qt(0.975, df) * se,
       high = estimate + qt(0.975, df) * se)
}

drug <- split(sleep$extra, sleep$group)
rho <- cor(drug[[1]], drug[[2]])

write_expected("paired", packages = c("coin", "boot"), values = list(
  cases = list(darwin = case(darwin), sleep = case(sleep_data), tied = case(tied),
               uneven = case(uneven), five = case(five), many = case(many)),
  hundreds = asymptotic(round(rnorm(420, 0.15, 2))),
  bca = bca(darwin$differences, 999, 0.95),
  boot = boot_bca(darwin$differences),
  usefulness = list(y_a = drug[[1]], y_b = drug[[2]], rho = rho, efficiency = 1 / (1 - rho)),
  borrowed = list(estimate = 0.3, s_pooled = 0.11, df = 7, n = 2,
                  low = 0.3 - qt(0.975, 7) * 0.11 / sqrt(2),
                  high = 0.3 + qt(0.975, 7) * 0.11 / sqrt(2),
                  p = 2 * pt(-0.3 / (0.11 / sqrt(2)), 7)),
  welch = list(
    one = welch_one(drug[[1]], drug[[2]]),
    several = welch_several(list(c(0.31, 0.35, 0.28), c(0.52, 0.47)),
                            list(c(0.22, 0.41), c(0.55, 0.61, 0.49, 0.7)))
  )
))
