package io.edgeflow.peers;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.apache.flink.types.Row;

/**
 * The input and output of the case that runs: the rows of every table in the order of the
 * case's steps, and the changes that every sink has taken. Sources, sinks and the runner live
 * in one JVM and meet here.
 *
 * <p>Steps are taken one at a time: a source emits the rows of step i once the turn is i, and
 * the runner moves the turn on when the step is out and has had time to be worked off. So the
 * order across tables is that of the case, as far as a pipeline of threads allows.
 */
final class Feed {
    /** A step: rows of a table or an explicit watermark of one (then {@code watermark} is set). */
    record Step(String table, List<Row> rows, Long watermark, long waitMs) {}

    /** The name of what a bare SELECT yields. */
    static final String RESULT = "result";

    private static volatile Feed current = new Feed(List.of());

    final List<Step> steps;
    private final boolean[] out;
    private final Set<String> scanned = new HashSet<>();
    private final Set<String> started = new HashSet<>();
    private final Map<String, List<Row>> changes = new HashMap<>();
    private final Map<String, int[]> keys = new HashMap<>();
    private final Set<String> explicit = new HashSet<>();
    private int first;
    private int turn = -1;
    private boolean ended;
    private long changedAt = System.nanoTime();

    Feed(List<Step> steps) {
        this.steps = steps;
        this.out = new boolean[steps.size()];
        for (Step s : steps) {
            if (s.watermark != null) {
                explicit.add(s.table);
            }
        }
    }

    static Feed current() {
        return current;
    }

    static void start(Feed f) {
        current = f;
    }

    /** Whether the case gives watermarks of the table itself. */
    boolean hasExplicitWatermarks(String table) {
        return explicit.contains(table);
    }

    /** Says, at planning time, that a job reads the table. */
    synchronized void scans(String table) {
        scanned.add(table);
    }

    synchronized boolean isScanned(String table) {
        return scanned.contains(table);
    }

    /** Says that a source of the table has been deployed. */
    synchronized void started(String table) {
        started.add(table);
        notifyAll();
    }

    synchronized boolean allStarted() {
        return started.containsAll(scanned);
    }

    /** Waits for the turn of step i; false when there will be none in this job. */
    synchronized boolean await(int i) throws InterruptedException {
        while (turn < i && !ended) {
            wait();
        }
        return turn >= i;
    }

    synchronized void isOut(int i) {
        out[i] = true;
        notifyAll();
    }

    /** Moves the turn to step i and waits, where a source reads its table, until it is out. */
    synchronized boolean take(int i, long timeoutMs) throws InterruptedException {
        turn = i;
        notifyAll();
        long until = System.currentTimeMillis() + timeoutMs;
        while (steps.get(i).table != null && scanned.contains(steps.get(i).table) && !out[i]) {
            long left = until - System.currentTimeMillis();
            if (left <= 0) {
                return false;
            }
            wait(left);
        }
        return true;
    }

    /** The step at which the job begins: the first one, or the one after a restart. */
    synchronized int first() {
        return first;
    }

    /** Readies for the job that goes on with step i. */
    synchronized void restart(int i) {
        first = i;
        ended = false;
        started.clear();
    }

    synchronized void end() {
        ended = true;
        notifyAll();
    }

    /** Keeps a source alive until the job's input ends, or the job is cancelled. */
    synchronized void awaitEnd() throws InterruptedException {
        while (!ended) {
            wait();
        }
    }

    /** The rows of a table that have been given so far. */
    synchronized List<Row> given(String table) {
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i <= turn && i < steps.size(); i++) {
            if (table.equals(steps.get(i).table) && steps.get(i).rows != null) {
                rows.addAll(steps.get(i).rows);
            }
        }
        return rows;
    }

    synchronized void sink(String table, int[] key) {
        keys.put(table, key);
        changes.computeIfAbsent(table, t -> new ArrayList<>());
    }

    synchronized void change(String table, Row row) {
        changes.computeIfAbsent(table, t -> new ArrayList<>()).add(row);
        changedAt = System.nanoTime();
    }

    synchronized long quietMs() {
        return (System.nanoTime() - changedAt) / 1_000_000;
    }

    synchronized Map<String, List<Row>> changes() {
        Map<String, List<Row>> copy = new HashMap<>();
        changes.forEach((t, rows) -> copy.put(t, new ArrayList<>(rows)));
        return Collections.unmodifiableMap(copy);
    }

    synchronized int[] key(String table) {
        return keys.getOrDefault(table, new int[0]);
    }
}
