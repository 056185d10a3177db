# Exact permutation p-values: two groups with coin, blocks by fitting every arrangement. For permutation.py.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "json.R"))
suppressMessages(library(coin))

# Two of the three groups of plantgrowth, all runs and the first seven of each.
plants <- read.csv(file.path(here, "data", "plantgrowth.csv"))
plants <- plants[plants$group %in% c("ctrl", "trt2"), ]
two_groups <- function(most) {
  kept <- plants[ave(seq_len(nrow(plants)), plants$group, FUN = seq_along) <= most, ]
  test <- oneway_test(weight ~ factor(group), kept, distribution = "exact")
  list(runs = kept$run, p = as.numeric(pvalue(test)),
       F = anova(lm(weight ~ group, kept))[["group", "F value"]],
       arrangements = choose(2 * most, most))
}

# npk, blocks 1 to 4: nitrogen in two of the four plots of each block, 6^4 arrangements.
npk <- read.csv(file.path(here, "data", "npk.csv"))
npk <- npk[npk$block %in% 1:4, ]
choices <- combn(4, 2)
f_of <- function(treated) anova(lm(npk$yield ~ factor(npk$block) + treated))[["treated", "F value"]]
arrangement <- function(numbers) {
  treated <- numeric(nrow(npk))
  for (at in seq_along(numbers)) {
    rows <- which(npk$block == at)
    treated[rows[choices[, numbers[at]]]] <- 1
  }
  treated
}
observed <- f_of(npk$N)
all_f <- apply(expand.grid(rep(list(1:6), 4)), 1, function(numbers) f_of(arrangement(numbers)))

write_expected("permutation", list(
  two_groups = list(seven = two_groups(7), ten = two_groups(10)),
  blocks = list(runs = npk$run, F = observed, arrangements = length(all_f),
                p = mean(all_f >= observed * (1 - 1e-9)))
), "coin")
