# data.R - the peer data.table of R: a program "data.R CASE WORKERS N REPEATS QUICK", see peer.h.
words <- commandArgs(trailingOnly = TRUE)
case <- words[1]
workers <- as.integer(words[2])
n <- as.numeric(words[3])
repeats <- as.integer(words[4])
file <- Sys.getenv("SHEAF_BENCH_FILE")

say <- function(kind, text) {
  cat(kind, " ", text, "\n", sep = "")
  quit(status = 0)
}

if (!case %in% c("data/csv-read", "data/csv-write")) {
  program <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
  say("fail", paste(program, "does not know the case", case))
}
if (!suppressWarnings(suppressMessages(require(data.table, quietly = TRUE)))) say("skip", "R has no data.table")
if (file == "") say("skip", "the file could not be written")
invisible(setDTthreads(workers))

read <- function() fread(file, showProgress = FALSE, integer64 = "double")

measure <- function(run) {
  times <- numeric(0)
  for (i in 0:repeats) {
    invisible(gc())
    start <- proc.time()[["elapsed"]]
    result <- run()
    if (i > 0) times <- c(times, proc.time()[["elapsed"]] - start)
  }
  list(ns = median(times) * 1e9 / n, result = result)
}

if (case == "data/csv-read") {
  done <- measure(read)
  if (nrow(done$result) != n || sum(as.numeric(done$result$id)) != n * (n - 1) / 2) say("fail", "wrong table")
} else {
  table <- read()
  out <- paste(file, Sys.getpid(), sep = ".")
  done <- measure(function() fwrite(table, out, showProgress = FALSE))
  size <- file.size(out)
  unlink(out)
  if (is.na(size) || size < n * 8) say("fail", "wrong file")
}
say("ok", format(done$ns, digits = 10))
