package io.edgeflow.peers;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.types.Row;
import org.apache.flink.util.CloseableIterator;

/** The values that Flink gives a list of expressions, a job each. */
final class Expressions {
    private Expressions() {}

    /** Prints every expression with its type and value, and returns how many differ. */
    static int run(List<?> expressions) {
        int differ = 0;
        for (Object o : expressions) {
            Map<?, ?> x = (Map<?, ?>) o;
            StreamTableEnvironment env = StreamTableEnvironment.create(StreamExecutionEnvironment.createLocalEnvironment(1, new Configuration()));
            env.getConfig().set("table.local-time-zone", x.get("tz") == null ? "UTC" : String.valueOf(x.get("tz")));
            boolean wantsError = x.get("error") != null && !Boolean.FALSE.equals(x.get("error"));
            String verdict;
            try {
                verdict = compare(x, evaluate(env, String.valueOf(x.get("sql")), "text".equals(x.get("as"))), wantsError);
            } catch (Exception e) {
                verdict = (wantsError ? "equal  " : x.containsKey("expect") ? "DIFFERS" : "value  ") + " refused: " + Ask.cause(e);
            }
            System.out.println("  " + verdict.substring(0, 7) + " " + x.get("sql") + "  =>  " + verdict.substring(8));
            differ += verdict.startsWith("DIFFERS") ? 1 : 0;
        }
        return differ;
    }

    private record Value(Object value, String type, Cells cells, org.apache.flink.table.types.DataType dataType) {}

    private static Value evaluate(StreamTableEnvironment env, String sql, boolean text) throws Exception {
        var typed = env.sqlQuery("SELECT " + sql).getResolvedSchema().getColumnDataTypes().get(0);
        var t = env.sqlQuery(text ? "SELECT CAST((" + sql + ") AS STRING)" : "SELECT " + sql);
        List<Row> rows = new ArrayList<>();
        try (CloseableIterator<Row> it = t.execute().collect()) {
            it.forEachRemaining(rows::add);
        }
        return new Value(rows.get(0).getField(0), typed.toString(), new Cells(env.getConfig().getLocalTimeZone()), t.getResolvedSchema().getColumnDataTypes().get(0));
    }

    private static String compare(Map<?, ?> x, Value got, boolean wantsError) {
        String shown = " " + Cells.print(got.value) + " (" + got.type + ")";
        if (!x.containsKey("expect")) {
            return (wantsError ? "DIFFERS" : "value  ") + shown;
        }
        boolean same;
        if ("text".equals(x.get("as"))) {
            same = (got.value == null ? "NULL" : got.value.toString()).equals(x.get("expect") == null ? "NULL" : String.valueOf(x.get("expect")));
        } else {
            same = got.cells.sameCell(x.get("expect"), got.value, got.dataType);
        }
        return (same && !wantsError ? "equal  " : "DIFFERS") + shown + (same ? "" : ", expected " + x.get("expect"));
    }
}
