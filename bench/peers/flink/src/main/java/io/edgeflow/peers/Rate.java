package io.edgeflow.peers;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.stream.Stream;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.StatementSet;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;

/** The rate of a query over a file of events, a line each, with parallelism 1. */
final class Rate {
    private Rate() {}

    static void run(String sql, Path input) throws Exception {
        long events;
        try (Stream<String> lines = Files.lines(input)) {
            events = lines.count();
        }
        Configuration conf = new Configuration();
        conf.setString("restart-strategy.type", "none");
        conf.setString("pipeline.object-reuse", "true");
        StreamTableEnvironment env = StreamTableEnvironment.create(StreamExecutionEnvironment.createLocalEnvironment(1, conf));
        env.getConfig().set("table.local-time-zone", "UTC");
        StatementSet inserts = env.createStatementSet();
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
        double cpu = cpu();
        long start = System.nanoTime();
        inserts.execute().await();
        double seconds = (System.nanoTime() - start) / 1e9;
        double spent = cpu() - cpu;
        System.out.printf(Locale.ROOT, "events %d  seconds %.2f  events/s %.0f  CPU seconds %.2f (process %.2f, wall %.2f)  peak RSS %d MiB%n",
            events, seconds, events / seconds, spent, cpu(), uptime(), rss());
    }

    /** The CPU seconds of this process so far: start, planning, compilation and collection of garbage as well. */
    static double cpu() {
        var os = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        return os.getProcessCpuTime() / 1e9;
    }

    private static double uptime() {
        return ManagementFactory.getRuntimeMXBean().getUptime() / 1e3;
    }

    /** The most memory that this process has held, in MiB; 0 where the system does not say. */
    static long rss() throws IOException {
        Path status = Path.of("/proc/self/status");
        if (!Files.exists(status)) {
            return 0;
        }
        return Files.readAllLines(status).stream().filter(l -> l.startsWith("VmHWM:"))
            .mapToLong(l -> Long.parseLong(l.replaceAll("\\D", "")) / 1024).findFirst().orElse(0);
    }
}
