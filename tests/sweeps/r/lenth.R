# Lenth's pseudo standard error by its formula, on the filtration rates of Montgomery. For lenth.py.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "json.R"))

# Montgomery, Design and Analysis of Experiments (8th ed.), table 6.10: 2^4, one run in each cell.
rate <- c(45, 71, 48, 65, 68, 60, 80, 65, 43, 100, 45, 104, 75, 86, 70, 96)
cells <- expand.grid(A = c(-1, 1), B = c(-1, 1), C = c(-1, 1), D = c(-1, 1))
effects_of <- function(y, cells) {
  fit <- lm(reformulate(paste(names(cells), collapse = " * "), "y"), cbind(cells, y))
  2 * coef(fit)[-1]
}

lenth <- function(effects, level = 0.95) {
  m <- length(effects)
  s0 <- 1.5 * median(abs(effects))
  pse <- 1.5 * median(abs(effects)[abs(effects) < 2.5 * s0])
  margin <- qt((1 + level) / 2, m / 3) * pse
  simultaneous <- qt((1 + level^(1 / m)) / 2, m / 3) * pse
  beyond <- (abs(effects) > margin) + (abs(effects) > simultaneous)
  list(names = names(effects), effects = unname(effects), level = level, s0 = s0, pse = pse,
       df = m / 3, margin = margin, simultaneous_margin = simultaneous,
       labels = c("inactive", "possibly active", "active")[1 + unname(beyond)])
}

seven <- c(a = 0.31, b = -0.02, c = 0.05, d = 0.011, e = -0.9, f = 0.043, g = 0.017)

write_expected("lenth", list(
  filtration = lenth(effects_of(rate, cells)),
  filtration90 = lenth(effects_of(rate, cells), 0.90),
  seven = lenth(seven)
))
