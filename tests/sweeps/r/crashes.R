# Fisher's exact test on crash counts. For crashes.py.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "json.R"))

case <- function(crashed, total) {
  test <- fisher.test(rbind(crashed, total - crashed), workspace = 2e7)
  list(crashed = crashed, total = total, p = test$p.value)
}

# Fisher, The Design of Experiments (1935), section 11: the lady tasting tea.
tea <- case(c(3, 1), c(4, 4))

write_expected("crashes", list(
  cases = list(
    tea = tea,
    two = case(c(1, 7), c(12, 12)),
    uneven_two = case(c(0, 5), c(30, 9)),
    three = case(c(0, 1, 5), c(6, 6, 6)),
    four = case(c(2, 0, 7, 3), c(12, 9, 11, 20)),
    six = case(c(1, 0, 2, 4, 0, 3), c(6, 6, 6, 6, 6, 6)),
    large = case(c(210, 240, 228), c(1000, 1000, 1000))
  )
))
