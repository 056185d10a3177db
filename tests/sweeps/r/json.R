# Where a script of this folder is, and how it writes expected/SUBJECT.json with the versions in it.
#
# A script begins with the line below, and runs as `Rscript tests/sweeps/r/SUBJECT.R` from anywhere.
#   here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
#   source(file.path(here, "json.R"))

source(file.path(here, "write_json.R"))

write_expected <- function(subject, values, packages = c()) {
  folder <- file.path(here, "expected")
  dir.create(folder, showWarnings = FALSE)
  file <- file.path(folder, paste0(subject, ".json"))
  write_json(c(list(versions = do.call(versions, as.list(packages))), values), file)
}
