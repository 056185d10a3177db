# Writes R values as JSON with 15 to 17 significant digits: each number reads back as the same double.
#
#   named list  -> object        NULL, NA        -> null
#   other list  -> array         length-one atom -> scalar (list(1) makes an array of one)
#   matrix      -> array of rows longer atom     -> array

LINE <- 180  # what fits stays on one line: one term, level or contrast a line, one changed line a change

json_number <- function(x) {
  if (!is.finite(x)) return("null")
  if (x == round(x) && abs(x) < 1e15) return(sprintf("%.0f", x + 0))  # + 0: no minus before 0
  for (digits in 15:17) {
    text <- sprintf("%.*g", digits, x)
    if (as.numeric(text) == x) return(text)
  }
  text
}

json_text <- function(x) {
  x <- gsub("\\", "\\\\", enc2utf8(x), fixed = TRUE)
  paste0("\"", gsub("\"", "\\\"", x, fixed = TRUE), "\"")
}

json_atom <- function(x) {
  if (is.na(x)) return("null")
  if (is.logical(x)) return(if (x) "true" else "false")
  if (is.numeric(x)) return(json_number(x))
  json_text(as.character(x))
}

json_children <- function(x) {
  if (is.matrix(x)) return(lapply(seq_len(nrow(x)), function(i) as.list(unname(x[i, ]))))
  if (is.list(x)) return(x)
  as.list(x)
}

as_json <- function(x, indent = "") {
  if (is.null(x)) return("null")
  if (is.atomic(x) && !is.matrix(x) && length(x) == 1) return(json_atom(x[[1]]))
  children <- json_children(x)
  keys <- if (is.matrix(x)) NULL else names(children)
  brackets <- if (is.null(keys)) c("[", "]") else c("{", "}")
  if (!length(children)) return(paste0(brackets, collapse = ""))
  deeper <- paste0(indent, "  ")
  parts <- vapply(unname(children), as_json, "", indent = deeper)
  if (!is.null(keys)) parts <- paste0(vapply(keys, json_text, ""), ": ", parts)
  flat <- paste0(brackets[1], paste(parts, collapse = ", "), brackets[2])
  if (nchar(indent) + nchar(flat) <= LINE && !grepl("\n", flat, fixed = TRUE)) return(flat)
  body <- paste0(deeper, parts, collapse = ",\n")
  paste0(brackets[1], "\n", body, "\n", indent, brackets[2])
}

write_json <- function(value, file) {
  connection <- file(file, "wb")  # LF everywhere
  on.exit(close(connection))
  writeLines(as_json(value), connection, useBytes = TRUE)
}

versions <- function(...) {
  packages <- c(...)
  numbers <- lapply(packages, function(name) as.character(packageVersion(name)))
  c(list(R = paste(R.version$major, R.version$minor, sep = ".")), stats::setNames(numbers, packages))
}
