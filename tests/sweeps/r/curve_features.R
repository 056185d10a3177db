# Computes the features of curves (METHOD 7, 9.2 to 9.4) on series that R ships.
#
# The version of R is written into expected/curve_features.json.
# The noise is computed as it is defined: each point against approx() between its neighbours.

source("tests/sweeps/r/write_json.R")

noise_sd <- function(x, v) {
  inner <- 2:(length(x) - 1)
  standardised <- vapply(inner, function(i) {
    line <- approx(x[c(i - 1, i + 1)], v[c(i - 1, i + 1)], xout = x[i])$y
    weights <- c(x[i + 1] - x[i], x[i] - x[i - 1]) / (x[i + 1] - x[i - 1])
    (line - v[i])^2 / (sum(weights^2) + 1)
  }, 0)
  sqrt(sum(standardised) / length(inner))
}

roughness <- function(v) sum(pmax(diff(v), 0)) / sum(pmax(-diff(v), 0))

variation_over_net <- function(v) sum(abs(diff(v))) / abs(v[1] - v[length(v)])

max_drawup <- function(v) max(v - cummin(v))

rise_after_minimum <- function(v) {
  lowest <- which.min(v)
  behind <- length(v) - lowest
  stopifnot(behind >= 4)
  median(tail(v, max(2, ceiling(behind / 3)))) - median(v[max(lowest - 1, 1):(lowest + 1)])
}

features <- function(v, x) {
  rise <- function(v) if (length(v) - which.min(v) >= 4) rise_after_minimum(v) else NA
  list(
    last = v[length(v)], min = min(v), max = max(v),
    roughness = roughness(v), variation_over_net = variation_over_net(v),
    max_drawup = max_drawup(v), noise_sd = noise_sd(x, v), log_sd = sd(log(v)),
    rise_after_minimum = rise(v),
    when_larger_is_better = list(
      roughness = roughness(-v), max_drawup = max_drawup(-v), rise_after_minimum = rise(-v)
    )
  )
}

series <- function(source, x, v) {
  x <- as.numeric(x)
  v <- as.numeric(v)
  list(source = source, x = x, values = v, expected = features(v, x))
}

write_json(
  list(
    about = "features of curves, by definition, on series from R's datasets",
    versions = versions(),
    series = list(
      BOD = series("Bates & Watts 1988, A1.4; unequal times", BOD$Time, BOD$demand),
      lynx = series("Brockwell & Davis 1991, lynx trappings", time(lynx), lynx),
      LakeHuron = series("Brockwell & Davis 1991, level of Lake Huron", time(LakeHuron), LakeHuron),
      pressure = series("vapour pressure of mercury; only rises, so nothing falls",
                        pressure$temperature, pressure$pressure),
      cadence = series("every lynx year that is a triangular number: 1, 3, 6, 10, ...",
                       time(lynx)[cumsum(1:14)], lynx[cumsum(1:14)])
    )
  ),
  "tests/sweeps/r/expected/curve_features.json"
)
