# What every script here shares: tables, models as lists of terms, and fits by least squares.
#
# Sums of squares are differences of explicit pairs of fits, so that no package decides what a
# "type" means; where a package answers too, the two are compared and a difference stops the script.

suppressPackageStartupMessages({
  library(car)
  library(emmeans)
  library(estimability)
})
source("tests/sweeps/r/tables.R")
source("tests/sweeps/r/write_json.R")
emm_options(msg.interaction = FALSE, msg.nesting = FALSE)

# ---- models and tables ---------------------------------------------------------------------------

# A model: blocks first, then main effects, then interactions, each a vector of names.
#
#   model_of("yield", "block", "N", "P", c("N", "P"))
#   model_of("loss", "lr", numeric = list(lr = "log2"))
model_of <- function(response, ..., numeric = list(), transform = "identity") {
  list(response = response, transform = transform, terms = list(...), numeric = numeric)
}

# All main effects of a table, its blocks before them, and all interactions up to an order.
full_model <- function(name, order = 1, blocks = names(TABLES[[name]]$blocks), ...) {
  factors <- names(TABLES[[name]]$factors)
  terms <- as.list(blocks)
  for (size in seq_len(order)) terms <- c(terms, combn(factors, size, simplify = FALSE))
  do.call(model_of, c(list(TABLES[[name]]$responses[1]), terms, list(...)))
}

# All interactions of two factors and nothing else.
two_factor_interactions <- function(name) {
  pairs <- combn(names(TABLES[[name]]$factors), 2, simplify = FALSE)
  do.call(model_of, c(list(TABLES[[name]]$responses[1]), pairs))
}

term_name <- function(term) if (length(term)) paste(term, collapse = " x ") else "intercept"

model_json <- function(model) {
  model$terms <- lapply(model$terms, as.list)
  model$numeric <- setNames(model$numeric, as.character(names(model$numeric)))
  model
}

table_json <- function(name) {
  table <- TABLES[[name]]
  levels <- function(columns) {
    lapply(names(columns), function(key) list(name = key, levels = as.list(columns[[key]])))
  }
  list(file = paste0("data/", name, ".csv"), source = table$source, synthetic = table$synthetic,
       factors = levels(table$factors), blocks = levels(table$blocks),
       baseline = setNames(table$baseline, as.character(names(table$baseline))),
       replicate = "replicate", responses = as.list(table$responses))
}

# All rows of a table, levels in declared order.
planned_runs <- function(name) {
  rows <- read.csv(file.path("tests/sweeps/r/data", paste0(name, ".csv")), colClasses = "character")
  declared <- c(TABLES[[name]]$factors, TABLES[[name]]$blocks)
  for (key in names(declared)) rows[[key]] <- factor(rows[[key]], declared[[key]])
  for (key in TABLES[[name]]$responses) rows[[key]] <- as.numeric(rows[[key]])
  rows
}

finished_runs <- function(name) droplevels(subset(planned_runs(name), state == "finished"))

TRANSFORMS <- list(identity = identity, log2 = log2, log10 = log10, log = log)

response_of <- function(rows, model) TRANSFORMS[[model$transform]](rows[[model$response]])

# ---- the model matrix (METHOD 1) -----------------------------------------------------------------

# The columns of one factor at each row: sum coding over its levels, or one scaled number.
coded <- function(rows, key, model) {
  if (key %in% names(model$numeric)) return(scaled_number(rows, key, model$numeric[[key]]))
  levels <- levels(rows[[key]])
  columns <- contr.sum(length(levels))[as.integer(rows[[key]]), , drop = FALSE]
  dimnames(columns) <- list(NULL, sprintf("%s[%s]", key, head(levels, -1)))
  columns
}

numbers_of <- function(labels, transform) TRANSFORMS[[transform]](as.numeric(as.character(labels)))

scaled_number <- function(rows, key, transform) {
  scaled <- numeric(nrow(rows))  # the middle, for rows of a grid without this factor
  if (key %in% names(rows)) {
    range <- range(numbers_of(levels(rows[[key]]), transform))
    scaled <- (numbers_of(rows[[key]], transform) - mean(range)) / (diff(range) / 2)
  }
  matrix(scaled, ncol = 1, dimnames = list(NULL, key))
}

# Row-wise products of two sets of columns; those of the last factor change fastest.
row_products <- function(left, right) {
  if (is.null(left)) return(right)
  places <- expand.grid(right = seq_len(ncol(right)), left = seq_len(ncol(left)))
  product <- left[, places$left, drop = FALSE] * right[, places$right, drop = FALSE]
  colnames(product) <- paste(colnames(left)[places$left], colnames(right)[places$right], sep = " x ")
  product
}

term_columns <- function(rows, term, model) {
  Reduce(row_products, lapply(term, function(key) coded(rows, key, model)), NULL)
}

# The model matrix; attribute "term" tells the place of each column's term, 0 for the intercept.
design_of <- function(rows, model) {
  parts <- lapply(model$terms, function(term) term_columns(rows, term, model))
  x <- do.call(cbind, c(list(cbind(intercept = rep(1, nrow(rows)))), parts))
  structure(x, term = c(0, rep(seq_along(parts), vapply(parts, ncol, 1L))))
}

rank_of <- function(x) if (length(x)) qr(x, tol = 1e-9)$rank else 0

rss <- function(x, y) sum(qr.resid(qr(x), y)^2)

# The same model for packages that want a formula.
as_lm <- function(rows, model) {
  data <- rows
  for (key in names(model$numeric)) data[[key]] <- as.vector(coded(rows, key, model))
  data$.y <- response_of(rows, model)
  labels <- vapply(model$terms, paste, "", collapse = ":")
  factors <- setdiff(unlist(model$terms), names(model$numeric))
  contrasts <- setNames(rep(list("contr.sum"), length(factors)), factors)
  formula <- reformulate(labels, ".y")
  # emmeans looks the call up again: it must hold values and no local names.
  do.call("lm", list(formula = formula, data = data, contrasts = if (length(factors)) contrasts))
}

# ---- estimability (METHOD 2) ---------------------------------------------------------------------

is_estimable <- function(x, functions) is.estble(functions, nonest.basis(qr(x)), tol = 1e-8)

# How many independent functions of each term can be estimated, in two ways that must agree.
term_estimability <- function(x) {
  null <- null_space(x)
  lapply(setdiff(unique(attr(x, "term")), 0), function(place) {
    own <- attr(x, "term") == place
    df <- sum(own)
    estimable <- rank_of(x) - rank_of(x[, !own, drop = FALSE])
    open <- if (ncol(null)) sum(svd(null[own, , drop = FALSE])$d > 1e-8) else 0
    stopifnot(estimable == df - open)
    list(df = df, df_estimable = estimable)
  })
}

# An orthonormal basis of what the rows leave open.
null_space <- function(x) {
  singular <- svd(x, nu = 0, nv = ncol(x))
  singular$v[, seq_len(ncol(x)) > rank_of(x), drop = FALSE]
}

status_of <- function(df, df_estimable) {
  if (df == df_estimable) return("estimable")
  if (df_estimable == 0) "not_estimable" else "partially_estimable"
}

# Coefficients with 0 for those that R drops: right for every estimable function.
fit_of <- function(x, y) {
  decomposed <- qr(x)
  kept <- decomposed$pivot[seq_len(decomposed$rank)]
  beta <- numeric(ncol(x))
  beta[kept] <- qr.coef(qr(x[, kept, drop = FALSE]), y)
  inverse <- matrix(0, ncol(x), ncol(x))
  inverse[kept, kept] <- chol2inv(qr.R(qr(x[, kept, drop = FALSE])))
  df <- nrow(x) - decomposed$rank
  variance <- if (df > 0) rss(x, y) / df else NA
  list(x = x, beta = beta, inverse = inverse, df = df, variance = variance)
}

# Estimate, error and interval of the linear functions that are rows of `functions`.
estimates_of <- function(fit, functions, covariance = fit$inverse * fit$variance) {
  estimable <- is_estimable(fit$x, functions)
  estimate <- ifelse(estimable, as.vector(functions %*% fit$beta), NA_real_)
  error <- sqrt(rowSums((functions %*% covariance) * functions))
  error[!estimable] <- NA_real_
  t <- estimate / error
  half <- if (fit$df > 0) qt(0.975, fit$df) * error else NA * error
  data.frame(estimable, estimate, se = error, df = fit$df, t,
             p = if (fit$df > 0) 2 * pt(-abs(t), fit$df) else NA,
             low = estimate - half, high = estimate + half)
}

# ---- margins -------------------------------------------------------------------------------------

# Every combination of the levels that occur, as rows of the model matrix, averaged with equal
# weight over all but `keys` (Lenth 2016). Numeric factors stand at the middle of their range.
margin_rows <- function(rows, model, keys) {
  factors <- setdiff(unique(unlist(model$terms)), names(model$numeric))
  grid <- expand.grid(lapply(rows[factors], function(column) gl_of(levels(column))))
  x <- design_of(grid, model)
  cell <- interaction(grid[keys], drop = TRUE, lex.order = TRUE)
  averaged <- rowsum(x, cell) / as.vector(table(cell))
  list(levels = grid[match(levels(cell), cell), keys, drop = FALSE], rows = averaged)
}

gl_of <- function(levels) factor(levels, levels)

# Differences of the margins of one factor: rows of L with the labels of both levels.
differences <- function(margins, from, to) {
  functions <- margins$rows[to, , drop = FALSE] - margins$rows[from, , drop = FALSE]
  labels <- as.character(margins$levels[[1]])
  list(from = labels[from], to = labels[to], functions = functions)
}

all_pairs <- function(margins) {
  pairs <- combn(nrow(margins$rows), 2)
  differences(margins, pairs[1, ], pairs[2, ])
}

# ---- sums of squares (METHOD 5.1, 5.2) -----------------------------------------------------------

contains <- function(term, other) all(other %in% term) && length(term) > length(other)

# The terms that one term is adjusted for, by the type of sum of squares.
adjusted_for <- function(model, place, type) {
  places <- seq_along(model$terms)
  if (type == "I") return(places[places < place])
  if (type == "III") return(places[places != place])
  higher <- vapply(model$terms, contains, NA, other = model$terms[[place]])
  places[places != place & !higher]
}

sums_of_squares <- function(x, y, model, type) {
  columns <- function(places) x[, attr(x, "term") %in% c(0, places), drop = FALSE]
  rows <- lapply(seq_along(model$terms), function(place) {
    without <- columns(adjusted_for(model, place, type))
    with <- columns(c(adjusted_for(model, place, type), place))
    data.frame(term = term_name(model$terms[[place]]), df = rank_of(with) - rank_of(without),
               sum_sq = rss(without, y) - rss(with, y))
  })
  do.call(rbind, rows)
}

anova_table <- function(x, y, model, type) {
  table <- sums_of_squares(x, y, model, type)
  df <- nrow(x) - rank_of(x)
  total <- sum((y - mean(y))^2)
  error <- if (df > 0) rss(x, y) / df else NA
  table$sum_sq[table$sum_sq < 1e-12 * total] <- 0  # no effect at all, but for rounding
  table$sum_sq[table$df == 0] <- NA  # nothing is left of the term: no number (METHOD 2)
  table$mean_sq <- table$sum_sq / ifelse(table$df > 0, table$df, NA)
  table$F <- table$mean_sq / error
  table$p <- if (df > 0) pf(table$F, table$df, df, lower.tail = FALSE) else NA
  table$omega_squared <- pmax(0, (table$sum_sq - table$df * error) / (total + error))
  list(type = type, terms = as_objects(table),
       residual = list(df = df, sum_sq = if (df > 0) rss(x, y) else NA, mean_sq = error),
       total = list(df = nrow(x) - 1, sum_sq = total))
}
