// rows.mjs - the peer DuckDB: a program "rows.mjs CASE WORKERS N REPEATS QUICK", see peer.h. The
// module @duckdb/node-api is looked for beside this program and in the folders NODE_PATH.
import { createRequire } from "node:module";
import path from "node:path";

const [name, workers, n, repeats] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4]), Number(process.argv[5])];

function say(kind, text) {
  console.log(kind + " " + text);
  process.exit(0);
}

function load() {
  const folders = (process.env.NODE_PATH || "").split(":").filter(Boolean);
  for (const folder of [import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), ...folders]) {
    try {
      return createRequire(path.join(folder, "x.js"))("@duckdb/node-api");
    } catch {
      continue;
    }
  }
  say("skip", "node has no @duckdb/node-api");
}

// The same numbers as in data_keys.h.
const [, groups, skewed] = name.split("-");
const mix = "(i + 1) % 2147483647 * 48271 % 2147483647 * 69621 % 2147483647";
const even = `m % ${Number(groups)}`;
const key = skewed ? `CASE WHEN m % 8 > 0 THEN m // 8 % 3 ELSE ${even} END` : even;

const { DuckDBInstance } = load();
if (!name.startsWith("data/group-")) say("fail", "rows.mjs does not know the case " + name);
const instance = await DuckDBInstance.create(":memory:", { threads: String(workers) });
const connection = await instance.connect();
await connection.run(`CREATE TABLE t AS SELECT CAST(${key} AS INTEGER) AS k, v
  FROM (SELECT ${mix} AS m, CAST(i % 1000 AS DOUBLE) AS v FROM range(${n}) AS r(i))`);

const times = [];
for (let i = 0; i <= repeats; i++) {
  const start = process.hrtime.bigint();
  await connection.run("CREATE OR REPLACE TEMP TABLE sums AS SELECT k, sum(v) AS s FROM t GROUP BY k");
  if (i > 0) times.push(Number(process.hrtime.bigint() - start));
}
const check = await connection.runAndReadAll("SELECT (SELECT sum(s) FROM sums) = (SELECT sum(v) FROM t)");
if (!check.getRows()[0][0]) say("fail", "wrong sums");
times.sort((a, b) => a - b);
say("ok", String(times[times.length >> 1] / n));
