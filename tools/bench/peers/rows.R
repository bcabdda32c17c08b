# rows.R - the peer data.table of R: a program "rows.R CASE WORKERS N REPEATS QUICK", see peer.h.
words <- commandArgs(trailingOnly = TRUE)
case <- words[1]
workers <- as.integer(words[2])
n <- as.numeric(words[3])
repeats <- as.integer(words[4])
prime <- 2147483647

say <- function(kind, text) {
  cat(kind, " ", text, "\n", sep = "")
  quit(status = 0)
}

if (!suppressWarnings(suppressMessages(require(data.table, quietly = TRUE)))) say("skip", "R has no data.table")
invisible(setDTthreads(workers))

# The same numbers as in data_keys.h, a million rows at a time.
in_parts <- function(fill, result) {
  at <- 0
  while (at < n) {
    rows <- at:(min(at + 1e6, n) - 1)
    result[rows + 1] <- fill(rows)
    at <- at + length(rows)
  }
  result
}
mix <- function(row) (((row + 1) %% prime) * 48271) %% prime * 69621 %% prime
key <- function(groups, skewed) {
  function(row) {
    number <- mix(row)
    even <- number %% groups
    as.integer(if (skewed) ifelse(number %% 8 > 0, (number %/% 8) %% 3, even) else even)
  }
}

measure <- function(run) {
  times <- numeric(0)
  result <- NULL
  for (i in 0:repeats) {
    result <- NULL
    invisible(gc())
    start <- proc.time()[["elapsed"]]
    result <- run()
    if (i > 0) times <- c(times, proc.time()[["elapsed"]] - start)
  }
  list(ns = median(times) * 1e9 / n, result = result)
}

if (startsWith(case, "data/group-")) {
  parts <- strsplit(case, "-")[[1]]
  table <- data.table(k = in_parts(key(as.numeric(parts[2]), length(parts) > 2), integer(n)),
                      v = in_parts(function(row) row %% 1000, numeric(n)))
  done <- measure(function() table[, .(s = sum(v)), by = k])
  if (sum(done$result$s) != sum(table$v)) say("fail", "wrong sums")
} else if (case == "data/argsort") {
  x <- in_parts(function(row) mix(row) * 4194304 + mix(row + 7) %% 4194304, numeric(n))
  done <- measure(function() data.table:::forderv(x))
  if (is.unsorted(x[done$result])) say("fail", "wrong order")
} else {
  say("fail", paste("rows.R does not know the case", case))
}
say("ok", format(done$ns, digits = 10))
