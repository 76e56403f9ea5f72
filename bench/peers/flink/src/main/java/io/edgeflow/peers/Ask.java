package io.edgeflow.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TimeZone;

import org.apache.flink.types.Row;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.schema.CoreSchema;

/** Asks Flink: what a pipeline test yields, or how fast a query runs. */
public final class Ask {
    private static final String USAGE = """
        ask test FILE.yaml [NAME ...] [--brief]    Flink's answer to pipeline tests, beside the expected rows
        ask rate FILE.sql --input EVENTS.json      the rate of a query over a file ('${input}' in the SQL)
        ask rates SMALL.json LARGE.json FILE.sql ...
                                                   runs of queries over two files in one JVM, a JSON object each
        """;

    private Ask() {}

    /** Runs one command; exits with 0 when Flink has answered, with 2 when it could not be asked. */
    public static void main(String[] args) throws Exception {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        List<String> words = new ArrayList<>(Arrays.asList(args));
        boolean brief = words.remove("--brief");
        if (words.size() >= 2 && words.get(0).equals("test")) {
            System.exit(test(Path.of(words.get(1)), words.subList(2, words.size()), brief) ? 0 : 2);
        }
        if (words.size() == 4 && words.get(0).equals("rate") && words.get(2).equals("--input")) {
            Rate.run(Files.readString(Path.of(words.get(1))), Path.of(words.get(3)));
            System.exit(0);
        }
        if (words.size() >= 4 && words.get(0).equals("rates")) {
            Rates.run(Path.of(words.get(1)), Path.of(words.get(2)), words.subList(3, words.size()).stream().map(Path::of).toList());
            System.exit(0);
        }
        System.err.print(USAGE);
        System.exit(2);
    }

    @SuppressWarnings("unchecked")
    private static boolean test(Path file, List<String> names, boolean brief) throws IOException {
        int equal = 0, differ = 0, asked = 0;
        for (Object doc : new Load(LoadSettings.builder().setSchema(new CoreSchema()).setAllowDuplicateKeys(true).build()).loadAllFromString(Files.readString(file))) {
            if (!(doc instanceof Map<?, ?> m) || !names.isEmpty() && !names.contains(String.valueOf(m.get("name")))) {
                continue;
            }
            Map<String, Object> kase = new java.util.HashMap<>((Map<String, Object>) m);
            if (kase.get("file") != null) {
                kase.put("sql", Files.readString(file.resolveSibling(String.valueOf(kase.get("file")))));
            }
            asked++;
            System.out.println("case " + kase.get("name"));
            int bad = kase.get("expressions") instanceof List<?> l ? Expressions.run(l) : pipeline(kase, brief);
            System.out.println(bad == 0 ? "  equal" : "  DIFFERS");
            equal += bad == 0 ? 1 : 0;
            differ += bad == 0 ? 0 : 1;
        }
        System.out.printf("%d equal, %d differ%n", equal, differ);
        return asked > 0;
    }

    /** Runs a case, prints what Flink yields, and returns in how many rows it differs. */
    private static int pipeline(Map<String, Object> kase, boolean brief) {
        List<Map<?, ?>> expect = new ArrayList<>();
        boolean wantsError = false;
        if (kase.get("expect") instanceof List<?> l) {
            for (Object o : l) {
                Map<?, ?> e = (Map<?, ?>) o;
                expect.add(e);
                wantsError |= e.get("error") != null && !Boolean.FALSE.equals(e.get("error"));
            }
        }
        Answer a;
        try {
            a = new Answer(kase);
            a.run();
            a.notes.forEach(n -> System.out.println("  note: " + n));
        } catch (Exception e) {
            System.out.println("  refused: " + cause(e));
            return wantsError ? 0 : 1;
        }
        if (!brief) {
            show(a);
        }
        int differ = wantsError ? 1 : 0;
        for (Map<?, ?> e : expect) {
            String table = String.valueOf(e.get("table"));
            List<Row> rows = a.changes.getOrDefault(table, List.of());
            boolean changelog = e.get("changelog") != null;
            if (e.get("final") == null && !changelog) {
                continue;
            }
            List<?> want = (List<?>) (changelog ? e.get("changelog") : e.get("final"));
            differ += diff(a, table, want, changelog ? rows : Answer.collapse(rows, a.feed.key(table)), changelog);
        }
        return differ;
    }

    private static void show(Answer a) {
        a.types.forEach((table, type) -> {
            System.out.println("  " + table + " " + type);
            List<Row> rows = a.changes.getOrDefault(table, List.of());
            rows.forEach(r -> System.out.println("    " + Cells.print(r)));
            List<Row> held = Answer.collapse(rows, a.feed.key(table));
            if (held.size() != rows.size()) {
                System.out.println("  " + table + " at the end:");
                held.forEach(r -> System.out.println("    " + Cells.print(r)));
            }
        });
    }

    private static int diff(Answer a, String table, List<?> want, List<Row> rows, boolean changelog) {
        List<Row> left = new ArrayList<>(rows);
        int differ = 0;
        for (Object w : want) {
            Row hit = left.stream().filter(r -> a.cells.same(w, r, a.types.get(table), changelog)).findFirst().orElse(null);
            if (hit == null) {
                System.out.println("  - " + table + " " + w);
                differ++;
            } else {
                left.remove(hit);
            }
        }
        left.forEach(r -> System.out.println("  + " + table + " " + Cells.print(r)));
        return differ + left.size();
    }

    /** The innermost message of an error. */
    static String cause(Throwable e) {
        Throwable t = e;
        while (t.getCause() != null && t.getCause() != t) {
            t = t.getCause();
        }
        String message = String.valueOf(t.getMessage()).split("\nWas expecting")[0]; // the parser lists every token it knows
        return t.getClass().getSimpleName() + ": " + message.replace("\n", "\n    ");
    }
}
