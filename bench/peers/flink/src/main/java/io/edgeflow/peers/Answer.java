package io.edgeflow.peers;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.core.execution.SavepointFormatType;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.StatementSet;
import org.apache.flink.table.api.Table;
import org.apache.flink.table.api.TableDescriptor;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.table.catalog.CatalogTable;
import org.apache.flink.table.catalog.Column;
import org.apache.flink.table.catalog.ObjectPath;
import org.apache.flink.table.catalog.ResolvedSchema;
import org.apache.flink.table.types.DataType;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;
import org.apache.flink.util.FileUtils;
import org.apache.flink.util.TimeUtils;

/** Flink's answer to one case: the changes that its job wrote, by sink. */
final class Answer {
    /** How long a step has to be worked off; longer than Flink's watermark interval of 200 ms. */
    private static final long STEP_MS = 300;
    private static final long TIMEOUT_MS = 60_000;
    /** How long an open end waits for further changes. */
    private static final long QUIET_MS = 12_000;
    private static final long WAIT_MAX_MS = 15_000;

    final Set<String> notes = new LinkedHashSet<>();
    final Map<String, DataType> types = new LinkedHashMap<>();
    final Cells cells;
    Map<String, List<Row>> changes = Map.of();
    Feed feed;

    private final Map<String, Object> kase;
    private StreamTableEnvironment env;
    private final Set<String> tested = new HashSet<>();
    private final Map<String, DataType> physical = new HashMap<>();
    private final Map<String, List<String>> delivered = new HashMap<>();
    /** The steps before which the job stops with a savepoint and another goes on from it. */
    private final Set<Integer> restarts = new TreeSet<>();

    Answer(Map<String, Object> kase) {
        this.kase = kase;
        open(null);
        cells = new Cells(env.getConfig().getLocalTimeZone());
    }

    /** Begins a job, from a savepoint unless that is null. */
    private void open(String savepoint) {
        Configuration conf = new Configuration();
        conf.setString("restart-strategy.type", "none");
        conf.setString("parallelism.default", "1");
        if (savepoint != null) {
            conf.setString("execution.state-recovery.path", savepoint);
        }
        env = StreamTableEnvironment.create(StreamExecutionEnvironment.createLocalEnvironment(1, conf));
        env.getConfig().set("table.local-time-zone", "UTC");
        section("set").forEach((k, v) -> env.getConfig().set(String.valueOf(k), String.valueOf(v)));
        physical.clear();
    }

    private Map<?, ?> section(String name) {
        return kase.get(name) instanceof Map<?, ?> m ? m : Map.of();
    }

    private List<?> list(String name) {
        return kase.get(name) instanceof List<?> l ? l : List.of();
    }

    /** Runs the case's job to its end. */
    void run() throws Exception {
        for (String part : List.of("input", "expect")) {
            for (Object s : list(part)) {
                tested.add(String.valueOf(((Map<?, ?>) s).get("table")));
            }
        }
        List<String> queries = script();
        feed = new Feed(steps());
        Feed.start(feed);
        restarts.add(feed.steps.size());
        int from = 0;
        try {
            for (int to : restarts) {
                JobClient job = insert(queries).execute().getJobClient().orElseThrow();
                drive(job, from, to);
                if (to == feed.steps.size()) {
                    finish(job);
                    break;
                }
                String savepoint = savepoint(job);
                cancel(job);
                feed.restart(to);
                from = to;
                open(savepoint);
                script();
            }
        } finally {
            feed.end();
            changes = feed.changes();
        }
    }

    /** Carries out all statements but the queries, which it returns. */
    private List<String> script() throws Exception {
        List<String> queries = new ArrayList<>();
        for (String s : Script.split(String.valueOf(kase.get("sql")))) {
            Matcher set = Script.SET.matcher(s);
            if (set.matches()) {
                env.getConfig().set(set.group(1), set.group(2));
            } else if (Script.begins(s, "INSERT|SELECT|WITH") || s.startsWith("(")) {
                queries.add(s);
            } else {
                define(s);
            }
        }
        if (queries.isEmpty()) {
            throw new IllegalArgumentException("the script has no INSERT and no SELECT");
        }
        return queries;
    }

    private StatementSet insert(List<String> queries) {
        StatementSet inserts = env.createStatementSet();
        for (String q : queries) {
            add(inserts, q);
        }
        return inserts;
    }

    /** Takes a savepoint, again and again while tasks of the job are still being deployed. */
    private static String savepoint(JobClient job) throws Exception {
        Path dir = Files.createTempDirectory("savepoint");
        Runtime.getRuntime().addShutdownHook(new Thread(() -> FileUtils.deleteDirectoryQuietly(dir.toFile())));
        long until = System.currentTimeMillis() + TIMEOUT_MS;
        while (true) {
            try {
                return job.triggerSavepoint(dir.toUri().toString(), SavepointFormatType.CANONICAL).get(TIMEOUT_MS, TimeUnit.MILLISECONDS);
            } catch (ExecutionException e) {
                if (System.currentTimeMillis() > until || job.getJobExecutionResult().isDone() || !Ask.cause(e).contains("Not all required tasks")) {
                    throw e;
                }
                Thread.sleep(100);
            }
        }
    }

    private void define(String statement) throws Exception {
        String s = statement.replaceFirst("(?is)^CREATE\\s+TEMPORARY\\s+TABLE\\b", "CREATE TABLE");
        env.executeSql(s);
        if (!Script.begins(s, "CREATE\\s+TABLE")) {
            return;
        }
        var catalog = env.getCatalog(env.getCurrentCatalog()).orElseThrow();
        for (String name : catalog.listTables(env.getCurrentDatabase())) {
            ObjectPath path = new ObjectPath(env.getCurrentDatabase(), name);
            if (physical.containsKey(name) || !(catalog.getTable(path) instanceof CatalogTable t)) {
                continue;
            }
            ResolvedSchema schema = env.from("`" + name + "`").getResolvedSchema();
            if (tested.contains(name)) {
                Map<String, String> options = new HashMap<>(Map.of("connector", "values"));
                for (String k : List.of("changelog-mode", "scan.watermark.emit.strategy")) {
                    if (t.getOptions().containsKey(k)) {
                        options.put(k, t.getOptions().get(k));
                    }
                }
                catalog.alterTable(path, t.copy(options), false);
            }
            columns(name, t);
            physical.put(name, schema.toPhysicalRowDataType());
        }
    }

    /** Keeps which columns a row of the table gives, by position: all but the computed ones. */
    private void columns(String name, CatalogTable t) {
        List<String> names = new ArrayList<>();
        for (Schema.UnresolvedColumn c : t.getUnresolvedSchema().getColumns()) {
            if (c instanceof Schema.UnresolvedMetadataColumn) {
                notes.add("metadata column " + name + "." + c.getName() + " is not served");
            }
            if (!(c instanceof Schema.UnresolvedComputedColumn)) {
                names.add(c.getName());
            }
        }
        delivered.put(name, names);
    }

    private void add(StatementSet inserts, String query) {
        if (Script.begins(query, "INSERT")) {
            inserts.addInsertSql(query);
            Matcher m = Pattern.compile("(?is)INSERT\\s+(?:INTO|OVERWRITE)\\s+`?(\\w+)`?").matcher(query);
            if (m.lookingAt() && physical.containsKey(m.group(1))) {
                types.put(m.group(1), physical.get(m.group(1)));
            }
            return;
        }
        Table t = env.sqlQuery(query);
        List<DataType> columns = new ArrayList<>();
        for (Column c : t.getResolvedSchema().getColumns()) {
            columns.add(c.getDataType());
        }
        var fields = new DataTypes.Field[columns.size()];
        for (int i = 0; i < fields.length; i++) {
            fields[i] = DataTypes.FIELD("f" + i, columns.get(i));
        }
        types.put(Feed.RESULT, DataTypes.ROW(fields));
        inserts.addInsert(TableDescriptor.forConnector("values").build(), t);
    }

    private List<Feed.Step> steps() {
        List<Feed.Step> out = new ArrayList<>();
        for (Object o : list("input")) {
            Map<?, ?> s = (Map<?, ?>) o;
            if (s.get("table") != null) {
                String table = String.valueOf(s.get("table"));
                if (!physical.containsKey(table)) {
                    throw new IllegalArgumentException("input names " + table + ", which the script does not create");
                }
                List<Row> rows = new ArrayList<>();
                for (Object r : (List<?>) s.get("rows")) {
                    rows.add(cells.row(r, physical.get(table), delivered.get(table)));
                }
                out.add(new Feed.Step(table, rows, null, STEP_MS));
            } else if (s.get("watermark") instanceof Map<?, ?> w) {
                w.forEach((table, at) -> out.add(new Feed.Step(String.valueOf(table), null, cells.instant(String.valueOf(at)), STEP_MS)));
            } else if (s.get("arrive_after") != null) {
                Duration d = TimeUtils.parseDuration(String.valueOf(s.get("arrive_after")));
                if (d.toMillis() > WAIT_MAX_MS) {
                    notes.add("arrive_after " + s.get("arrive_after") + ": waits " + WAIT_MAX_MS / 1000 + " s");
                }
                out.add(new Feed.Step(null, null, null, Math.min(d.toMillis(), WAIT_MAX_MS)));
            } else {
                restarts.add(out.size());
                notes.add("restart from a savepoint; no minute passes");
            }
        }
        return out;
    }

    /** Feeds the steps from..to to a job. */
    private void drive(JobClient job, int from, int to) throws Exception {
        CompletableFuture<?> done = job.getJobExecutionResult();
        long until = System.currentTimeMillis() + TIMEOUT_MS;
        while (!feed.allStarted() && !done.isDone() && System.currentTimeMillis() < until) {
            Thread.sleep(20);
        }
        for (int i = from; i < to && !done.isDone(); i++) {
            if (!feed.take(i, 10_000) && !done.isDone()) {
                notes.add("step " + (i + 1) + " was not read within 10 s");
            }
            Thread.sleep(feed.steps.get(i).waitMs());
        }
    }

    /** Ends the last job's input, or waits for it to come to rest where the end is open. */
    private void finish(JobClient job) throws Exception {
        CompletableFuture<?> done = job.getJobExecutionResult();
        if (!"open".equals(kase.get("end"))) {
            feed.end();
            done.get(TIMEOUT_MS, TimeUnit.MILLISECONDS);
            return;
        }
        notes.add("open end: " + QUIET_MS / 1000 + " s without a change");
        while (feed.quietMs() < QUIET_MS && !done.isDone()) {
            Thread.sleep(100);
        }
        cancel(job);
    }

    private static void cancel(JobClient job) throws Exception {
        CompletableFuture<?> done = job.getJobExecutionResult();
        if (!done.isDone()) {
            job.cancel().get(TIMEOUT_MS, TimeUnit.MILLISECONDS);
        }
        done.handle((result, error) -> null).get(TIMEOUT_MS, TimeUnit.MILLISECONDS);
    }

    /** Collapses changes to what a table holds: upserted by key, or a multiset. */
    static List<Row> collapse(List<Row> changes, int[] key) {
        Map<String, List<Row>> held = new LinkedHashMap<>();
        for (Row r : changes) {
            Row plain = Row.copy(r);
            plain.setKind(RowKind.INSERT);
            String id = Cells.print(key.length == 0 ? plain : Row.project(plain, key));
            List<Row> at = held.computeIfAbsent(id, k -> new ArrayList<>());
            if (r.getKind() == RowKind.DELETE || r.getKind() == RowKind.UPDATE_BEFORE) {
                if (!at.isEmpty()) {
                    at.remove(at.size() - 1);
                }
            } else if (key.length > 0 && !at.isEmpty()) {
                at.set(0, plain);
            } else {
                at.add(plain);
            }
        }
        List<Row> out = new ArrayList<>();
        held.values().forEach(out::addAll);
        return out;
    }
}
