# One function for each kind of expected answer; README.md says what each holds.

source("tests/sweeps/r/models.R")
source("tests/sweeps/r/families.R")

# ---- how cases are written -----------------------------------------------------------------------

case_of <- function(name, model, what, by, expected, ...) {
  list(data = name, model = model_json(model), what = what, ..., by = by, expected = expected)
}

write_cases <- function(subject, about, packages, cases) {
  names <- unique(vapply(cases, `[[`, "", "data"))
  value <- list(about = about, versions = do.call(versions, as.list(packages)),
                tables = setNames(lapply(names, table_json), names), cases = unname(cases))
  write_json(value, file.path("tests/sweeps/r/expected", paste0(subject, ".json")))
}

as_objects <- function(frame) {
  lapply(seq_len(nrow(frame)), function(i) lapply(frame[i, , drop = FALSE], plain))
}

plain <- function(x) if (is.factor(x)) as.character(x) else x

same <- function(found, other, tolerance = 1e-8) {
  stopifnot(isTRUE(all.equal(as.vector(found), as.vector(other), tolerance = tolerance)))
}

# ---- the gate ------------------------------------------------------------------------------------

model_matrix_case <- function(name, model) {
  rows <- finished_runs(name)
  keys <- unique(unlist(model$terms))
  cells <- rows[!duplicated(rows[keys]), ]
  x <- design_of(cells, model)
  same(rank_of(x), rank_of(cbind(x, model.matrix(as_lm(cells, model)))))  # one space with R's own
  expected <- list(columns = as.list(colnames(x)), cells = as_objects(cells[keys]),
                   rows = matrix(x, nrow(x)))
  case_of(name, model, "model_matrix", "contr.sum; spans what model.matrix spans", expected)
}

rank_case <- function(name, model) {
  of <- function(rows) {
    x <- design_of(rows, model)
    rank <- rank_of(x)
    list(runs = nrow(x), parameters = ncol(x), rank = rank, deficiency = ncol(x) - rank,
         residual_df = nrow(x) - rank)
  }
  expected <- list(finished = of(finished_runs(name)), planned = of(planned_runs(name)))
  case_of(name, model, "rank", "qr", expected)
}

terms_case <- function(name, model) {
  found <- term_estimability(design_of(finished_runs(name), model))
  expected <- Map(function(term, of) {
    c(list(term = term_name(term)), of, list(status = status_of(of$df, of$df_estimable)))
  }, model$terms, found)
  by <- "rank of X less rank of X without the term; agrees with df less rank(N[J, ])"
  case_of(name, model, "terms", by, unname(expected))
}

# Which contrasts between levels can be estimated at all, for each factor of the model.
contrasts_case <- function(name, model) {
  rows <- finished_runs(name)
  x <- design_of(rows, model)
  factors <- intersect(names(TABLES[[name]]$factors), unlist(model$terms))
  expected <- lapply(setdiff(factors, names(model$numeric)), function(factor) {
    pairs <- all_pairs(margin_rows(rows, model, factor))
    flags <- data.frame(from = pairs$from, to = pairs$to,
                        estimable = is_estimable(x, pairs$functions))
    list(factor = factor, contrasts = as_objects(flags))
  })
  case_of(name, model, "contrasts", "estimability::is.estble", expected)
}

# Linear functions by the weights of columns: which can be estimated, and what they come to.
functions_case <- function(name, model, ...) {
  rows <- finished_runs(name)
  x <- design_of(rows, model)
  functions <- list(...)
  weights <- t(vapply(functions, function(of) {
    stopifnot(names(of) %in% colnames(x))
    replace(numeric(ncol(x)), match(names(of), colnames(x)), of)
  }, numeric(ncol(x))))
  found <- estimates_of(fit_of(x, response_of(rows, model)), weights)
  expected <- Map(function(of, row) c(list(weights = as.list(of)), row), functions, as_objects(found))
  case_of(name, model, "functions", "estimability::is.estble; lm.fit", unname(expected))
}

# Each column that depends on earlier ones, as a sum of them: R's alias()$Complete.
aliases_case <- function(name, model) {
  x <- design_of(finished_runs(name), model)
  decomposed <- qr(x, tol = 1e-9)
  kept <- sort(decomposed$pivot[seq_len(decomposed$rank)])
  dependent <- setdiff(seq_len(ncol(x)), kept)
  sums <- qr.coef(qr(x[, kept, drop = FALSE]), x[, dependent, drop = FALSE])
  sums[] <- vapply(sums, as_fraction, 1)
  check_aliases(x, sums)
  expected <- lapply(seq_along(dependent), function(i) {
    parts <- setNames(sums[, i], colnames(x)[kept])
    list(column = colnames(x)[dependent[i]], equals = as.list(parts[parts != 0]))
  })
  case_of(name, model, "aliases", "qr.coef; compared with alias(lm)$Complete", expected)
}

# The fraction with a denominator of at most 24 that a coefficient is but for rounding.
as_fraction <- function(number) {
  for (below in 1:24) {
    if (abs(number * below - round(number * below)) < 1e-9) return(round(number * below) / below)
  }
  number
}

check_aliases <- function(x, sums) {
  if (!ncol(sums)) return(invisible())
  y <- seq_len(nrow(x))
  theirs <- alias(lm(y ~ x - 1))$Complete
  theirs[abs(theirs) < 1e-8] <- 0
  same(t(sums), theirs[paste0("x", colnames(sums)), paste0("x", rownames(sums))])
}

# What the estimates of the fitted terms also contain of the omitted ones: (X1'X1)^-1 X1'X2.
alias_matrix_case <- function(name, fitted, omitted = two_factor_interactions(name)) {
  rows <- finished_runs(name)
  x1 <- design_of(rows, fitted)
  x2 <- design_of(rows, omitted)[, -1, drop = FALSE]
  stopifnot(rank_of(x1) == ncol(x1))
  alias <- solve(crossprod(x1), crossprod(x1, x2))
  same(alias, lm.fit(x1, x2)$coefficients)
  alias[] <- vapply(alias, as_fraction, 1)
  expected <- list(fitted = as.list(colnames(x1)), omitted = as.list(colnames(x2)),
                   matrix = unname(alias))
  case_of(name, fitted, "alias_matrix", "solve(X1'X1, X1'X2); compared with lm.fit", expected,
          omitted = lapply(omitted$terms, as.list))
}

gvif_case <- function(name, model) {
  rows <- finished_runs(name)
  x <- design_of(rows, model)
  correlation <- cor(x[, -1])
  places <- seq_along(model$terms)
  gvif <- vapply(places, function(place) {
    own <- attr(x, "term")[-1] == place
    det(correlation[own, own, drop = FALSE]) * det(correlation[!own, !own, drop = FALSE]) /
      det(correlation)
  }, 1)
  fit <- as_lm(rows, model)
  if (fit$df.residual > 0) {  # car::vif asks for an error, though inflation needs none
    theirs <- suppressMessages(vif(fit, type = "terms"))
    same(gvif, if (is.matrix(theirs)) theirs[, 1] else theirs)
  }
  df <- vapply(places, function(place) sum(attr(x, "term") == place), 1)
  found <- data.frame(term = vapply(model$terms, term_name, ""), df, gvif,
                      adjusted = gvif^(1 / (2 * df)))
  case_of(name, model, "gvif", "determinants; compared with car::vif", as_objects(found))
}

# ---- effects -------------------------------------------------------------------------------------

anova_case <- function(name, model, type = "II") {
  rows <- finished_runs(name)
  x <- design_of(rows, model)
  if (type == "III" && rank_of(x) < ncol(x)) return(refused_case(name, model, rows))
  expected <- anova_table(x, response_of(rows, model), model, type)
  suppressMessages(check_anova(as_lm(rows, model), expected))  # car tells of aliased coefficients
  by <- "differences of residual sums of squares; compared with car::Anova, Type I with anova"
  case_of(name, model, "anova", by, expected)
}

refused_case <- function(name, model, rows) {
  message <- tryCatch(Anova(as_lm(rows, model), type = "III"), error = conditionMessage)
  stopifnot(is.character(message))
  case_of(name, model, "anova", "car::Anova refuses", list(type = "III", refused = message))
}

check_anova <- function(fit, expected) {
  if (expected$residual$df == 0) return(invisible())
  theirs <- if (expected$type == "I") anova(fit) else Anova(fit, type = expected$type)
  squares <- setNames(theirs[["Sum Sq"]], gsub(":", " x ", trimws(rownames(theirs)), fixed = TRUE))
  for (term in expected$terms) {
    if (term$df > 0) stopifnot(abs(term$sum_sq - squares[[term$term]]) < 1e-8 * expected$total$sum_sq)
  }
}

# The trap: Type III sums of squares with R's treatment coding (METHOD 14, 3).
wrong_anova_case <- function(name, model) {
  rows <- finished_runs(name)
  fit <- update(as_lm(rows, model), contrasts = NULL)
  wrong <- Anova(fit, type = "III")
  terms <- vapply(model$terms, paste, "", collapse = ":")
  found <- data.frame(term = vapply(model$terms, term_name, ""), df = wrong[terms, "Df"],
                      sum_sq = wrong[terms, "Sum Sq"], F = wrong[terms, "F value"],
                      p = wrong[terms, "Pr(>F)"])
  case_of(name, model, "wrong_anova", "car::Anova(type = \"III\") of contr.treatment",
          list(type = "III", terms = as_objects(found)))
}

coefficients_case <- function(name, model) {
  rows <- finished_runs(name)
  x <- design_of(rows, model)
  stopifnot(rank_of(x) == ncol(x))
  found <- estimates_of(fit_of(x, response_of(rows, model)), diag(ncol(x)))
  found <- cbind(column = colnames(x), found[names(found) != "estimable"])
  case_of(name, model, "coefficients", "lm.fit with contr.sum", as_objects(found))
}

margins_case <- function(name, model, ...) {
  keys <- c(...)
  rows <- finished_runs(name)
  margins <- margin_rows(rows, model, keys)
  found <- estimates_of(fit_of(design_of(rows, model), response_of(rows, model)), margins$rows)
  check_margins(as_lm(rows, model), keys, margins$levels, found)
  shown <- c("estimable", "estimate", "se", "df", "low", "high")
  expected <- Map(function(at, of) c(list(at = at), of), as_objects(margins$levels),
                  as_objects(found[shown]))
  case_of(name, model, "margins", "means of reference-grid rows; compared with emmeans::emmeans",
          list(of = as.list(keys), margins = unname(expected)))
}

check_margins <- function(fit, keys, levels, found) {
  theirs <- shown(emmeans(ref_grid(fit, nesting = NULL), keys))
  text <- function(frame) do.call(paste, lapply(unname(as.list(frame[keys])), as.character))
  at <- match(text(levels), text(theirs))
  stopifnot(identical(is.na(theirs$emmean[at]), !found$estimable))
  same(found$estimate, theirs$emmean[at])
  if (found$df[1] > 0) same(found$se, theirs$SE[at])
}

# emmeans warns of NaN intervals where no degree of freedom is left; nothing of them is used.
shown <- function(grid) suppressWarnings(as.data.frame(grid))

pairwise_case <- function(name, model, factor) {
  rows <- finished_runs(name)
  pairs <- all_pairs(margin_rows(rows, model, factor))
  found <- estimates_of(fit_of(design_of(rows, model), response_of(rows, model)), pairs$functions)
  check_pairs(as_lm(rows, model), factor, pairs, found)
  family <- if (is_whole(found)) tukey_family(found$t, nlevels(rows[[factor]]), found$df[1])
  expected <- Map(c, contrasts_of(pairs, found, family),
                  in_their_class(pairs, found, nlevels(rows[[factor]])))
  by <- "compared with emmeans::contrast; Tukey-Kramer by integration"
  case_of(name, model, "pairwise", by, list(factor = factor, family = "tukey",
                                            size = nrow(found), contrasts = expected))
}

# Two ways to adjust in a family with a hole: Tukey-Kramer among the levels that can be compared with
# one another, and among all levels, which is emmeans' way and asks for more.
in_their_class <- function(pairs, found, levels) {
  lapply(seq_len(nrow(found)), function(i) {
    if (!found$estimable[i] || found$df[1] == 0) {
      return(list(class_size = NA, p_in_class = NA, p_all_levels = NA))
    }
    with_it <- found$estimable & (pairs$from == pairs$from[i] | pairs$to == pairs$from[i])
    size <- sum(with_it) + 1
    list(class_size = size, p_in_class = tukey_family(found$t[i], size, found$df[1])$p,
         p_all_levels = tukey_family(found$t[i], levels, found$df[1])$p)
  })
}

# A family with a hole (or without error) has no adjusted numbers.
is_whole <- function(found) all(found$estimable) && found$df[1] > 0

contrasts_of <- function(pairs, found, family) {
  adjusted <- if (is.null(family)) NA else family$p
  half <- if (is.null(family)) NA else family$critical * found$se
  as_objects(data.frame(from = pairs$from, to = pairs$to, found, p_adjusted = adjusted,
                        low_adjusted = found$estimate - half, high_adjusted = found$estimate + half))
}

check_pairs <- function(fit, factor, pairs, found) {
  margins <- emmeans(ref_grid(fit, nesting = NULL), factor)
  theirs <- shown(emmeans::contrast(margins, "revpairwise", adjust = "none"))
  names <- paste(emmeans_label(pairs$to, factor), emmeans_label(pairs$from, factor), sep = " - ")
  at <- match(names, gsub("[()]", "", theirs$contrast))
  stopifnot(!anyNA(at), identical(is.na(theirs$estimate[at]), !found$estimable))
  same(found$estimate, theirs$estimate[at])
  if (found$df[1] > 0) same(found$p, theirs$p.value[at])
}

# emmeans puts the factor's name before labels that are numbers.
emmeans_label <- function(labels, factor) {
  numeric <- !anyNA(suppressWarnings(as.numeric(labels)))
  if (numeric) paste0(factor, labels) else labels
}

# All levels against the baseline: Dunnett.
baseline_case <- function(name, model, factor) {
  rows <- finished_runs(name)
  margins <- margin_rows(rows, model, factor)
  baseline <- match(TABLES[[name]]$baseline[[factor]], as.character(margins$levels[[1]]))
  others <- setdiff(seq_len(nrow(margins$rows)), baseline)
  pairs <- differences(margins, rep(baseline, length(others)), others)
  fit <- fit_of(design_of(rows, model), response_of(rows, model))
  found <- estimates_of(fit, pairs$functions)
  family <- if (is_whole(found)) {
    correlation <- cov2cor(pairs$functions %*% fit$inverse %*% t(pairs$functions))
    dunnett_family(found$t, correlation, found$df[1])
  }
  by <- "lm.fit; Dunnett by integration, compared with mvtnorm::pmvt"
  case_of(name, model, "against_baseline", by,
          list(factor = factor, baseline = TABLES[[name]]$baseline[[factor]], family = "dunnett",
               size = nrow(found), contrasts = contrasts_of(pairs, found, family)))
}

# ---- what is asked of one model ------------------------------------------------------------------

# Of one that is estimable as a whole; `baselines` are factors with a baseline.
of_one_model <- function(name, model, baselines = NULL) {
  factors <- names(TABLES[[name]]$factors)
  c(
    list(rank_case(name, model), terms_case(name, model), coefficients_case(name, model)),
    lapply(c("I", "II", "III"), function(type) anova_case(name, model, type)),
    lapply(factors, function(factor) margins_case(name, model, factor)),
    lapply(factors, function(factor) pairwise_case(name, model, factor)),
    lapply(baselines, function(factor) baseline_case(name, model, factor))
  )
}

# Of one that may have holes: what is estimable comes first.
with_the_gate <- function(name, model, types = "II") {
  factors <- intersect(names(TABLES[[name]]$factors), unlist(model$terms))
  c(
    list(rank_case(name, model), terms_case(name, model), aliases_case(name, model),
         contrasts_case(name, model)),
    lapply(types, function(type) anova_case(name, model, type)),
    lapply(factors, function(factor) margins_case(name, model, factor)),
    lapply(factors, function(factor) pairwise_case(name, model, factor))
  )
}
