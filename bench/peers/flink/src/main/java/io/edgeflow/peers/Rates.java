package io.edgeflow.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.stream.Stream;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.StatementSet;
import org.apache.flink.table.api.TableResult;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/**
 * Runs several queries over a small and a large file of events in this one JVM and prints a
 * JSON object a run, so that what an event costs in the long run is the difference of two
 * runs, without start, planning and most of the compilation.
 */
final class Rates {
    /** The longest time that a run may take before it is cancelled, in seconds. */
    private static final long LIMIT = Long.getLong("edgeflow.limit", 90);

    private Rates() {}

    /**
     * Runs every script over both files, after a run of the first that is not reported. A
     * script that fails, or takes too long, over the small file is not run over the large one.
     */
    static void run(Path small, Path large, List<Path> scripts) throws Exception {
        measure(Files.readString(scripts.get(0)), small);
        for (Path script : scripts) {
            for (Path input : List.of(small, large)) {
                String figures = measure(Files.readString(script), input);
                System.out.printf(Locale.ROOT, "{\"query\": \"%s\", \"input\": \"%s\", %s}%n",
                    script.getFileName().toString().replaceAll("\\.sql$", ""), input, figures);
                if (figures.startsWith("\"error\"")) {
                    break;
                }
            }
        }
    }

    private static String measure(String sql, Path input) throws Exception {
        Configuration conf = new Configuration();
        conf.setString("restart-strategy.type", "none");
        conf.setString("pipeline.object-reuse", "true");
        conf.setString("state.backend.type", "hashmap");
        StreamTableEnvironment env = StreamTableEnvironment.create(StreamExecutionEnvironment.createLocalEnvironment(1, conf));
        env.getConfig().set("table.local-time-zone", "UTC");
        StatementSet inserts = env.createStatementSet();
        System.gc();
        Threads before = Threads.now();
        long start = System.nanoTime();
        try {
            for (String s : Script.split(sql.replace("${input}", input.toAbsolutePath().toString()))) {
                Matcher set = Script.SET.matcher(s);
                if (set.matches()) {
                    env.getConfig().set(set.group(1), set.group(2));
                } else if (Script.begins(s, "INSERT")) {
                    inserts.addInsertSql(s);
                } else {
                    env.executeSql(s);
                }
            }
            TableResult job = inserts.execute();
            try {
                job.await(LIMIT, TimeUnit.SECONDS);
            } catch (TimeoutException e) {
                job.getJobClient().orElseThrow().cancel().get();
                return String.format("\"error\": \"not done after %d s\"", LIMIT);
            }
        } catch (RuntimeException | ExecutionException e) {
            return "\"error\": \"" + Ask.cause(e).replaceAll("[\\\\\"\\p{Cntrl}]+", " ") + "\"";
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        Threads spent = Threads.now().minus(before);
        return String.format(Locale.ROOT, "\"wall_s\": %.3f, \"cpu_s\": %.3f, \"jit_s\": %.3f, \"gc_s\": %.3f, \"peak_rss_bytes\": %d",
            seconds, spent.all, spent.compiler, spent.collector, Rate.rss() << 20);
    }

    /** CPU seconds of this process: all of it, the JIT compiler's and the garbage collector's. */
    private record Threads(double all, double compiler, double collector) {
        /** Ticks of /proc a second, which Linux fixes for all processors that it tells about. */
        private static final double TICKS = 100;

        static Threads now() throws IOException {
            double compiler = 0, collector = 0;
            for (Path t : tasks()) {
                String stat;
                try {
                    stat = Files.readString(t.resolve("stat"));
                } catch (IOException e) {
                    continue; // the thread has ended
                }
                String name = stat.substring(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
                String[] rest = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
                double s = (Long.parseLong(rest[11]) + Long.parseLong(rest[12])) / TICKS;
                if (name.startsWith("C1 ") || name.startsWith("C2 ")) {
                    compiler += s;
                } else if (name.startsWith("GC ") || name.startsWith("G1 ") || name.equals("VM Thread")) {
                    collector += s;
                }
            }
            return new Threads(Rate.cpu(), compiler, collector);
        }

        private static List<Path> tasks() throws IOException {
            Path dir = Path.of("/proc/self/task");
            if (!Files.exists(dir)) {
                return new ArrayList<>();
            }
            try (Stream<Path> s = Files.list(dir)) {
                return s.toList();
            }
        }

        Threads minus(Threads o) {
            return new Threads(all - o.all, compiler - o.compiler, collector - o.collector);
        }
    }
}
