package pipetest

// Help describes the format of pipeline tests.
const Help = `Runs pipeline tests: *_test.yaml files, each of one YAML document or several. A table
named under input or expect has its connector replaced by the test's; everything else
runs as it would in production, in memory, from arrival time 2100-01-01 UTC on.

  name: late rows are dropped, over a restart
  file: pipeline.sql               # or  sql: |  with the text
  set: {edgeflow.late: drop}       # options before those of the script
  input:                           # in this order; arrival time moves on 200 ms a step
  - table: orders
    rows:
    - [1, "2026-01-01 00:00:01"]   # by position, or {column: value},
    - {op: -U, row: [1, null]}     # or with a row kind
  - checkpoint: restart            # commit, drop memory, restore; a minute passes
  - arrive_after: 10 s
  - watermark: {orders: "2026-01-01 00:00:10"}
  end: drain                       # default: sources end, every window fires; or: open
  expect:
  - table: totals
    final:                         # what the table holds at the end, in any order
    - [1, 3]
  - table: audit
    changelog: ["+I[1, 1]"]        # or every change, as printed

Sources take 'changelog-mode' = 'I,UB,UA,D' to deliver updates. A bare SELECT at the end
is the table result. 'expect: [{error: part of the message}]' wants a refusal. The value
of expressions is tested by documents of the form

  expressions:
  - {sql: "UPPER('a')", expect: "A", as: text}

Exit code 1 when a case fails; a failing case shows its rows as a diff. --update rewrites
the expected rows: review them.`
