package io.edgeflow.peers;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

import org.apache.flink.api.common.eventtime.WatermarkGenerator;
import org.apache.flink.api.common.eventtime.WatermarkGeneratorSupplier;
import org.apache.flink.api.common.eventtime.WatermarkOutput;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.legacy.table.connector.source.SourceFunctionProvider;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.streaming.api.functions.source.legacy.RichSourceFunction;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.RuntimeConverter;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.connector.source.LookupTableSource;
import org.apache.flink.table.connector.source.ScanTableSource;
import org.apache.flink.table.connector.source.abilities.SupportsWatermarkPushDown;
import org.apache.flink.table.connector.source.lookup.LookupFunctionProvider;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.functions.FunctionContext;
import org.apache.flink.table.functions.LookupFunction;
import org.apache.flink.table.types.DataType;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;
import org.apache.flink.util.clock.RelativeClock;
import org.apache.flink.util.clock.SystemClock;

/** The source of a table under test; in a lookup, the rows given so far, the last per key. */
class ValuesSource implements ScanTableSource, LookupTableSource {
    final String table;
    final DataType type;
    final ChangelogMode mode;
    final int[] key;

    ValuesSource(String table, DataType type, ChangelogMode mode, int[] key) {
        this.table = table;
        this.type = type;
        this.mode = mode;
        this.key = key;
    }

    @Override
    public ChangelogMode getChangelogMode() {
        return mode;
    }

    @Override
    public ScanRuntimeProvider getScanRuntimeProvider(ScanContext c) {
        Feed.current().scans(table);
        return SourceFunctionProvider.of(new Reader(table, c.createDataStructureConverter(type), null), false);
    }

    @Override
    public LookupRuntimeProvider getLookupRuntimeProvider(LookupContext c) {
        int[] columns = new int[c.getKeys().length];
        for (int i = 0; i < columns.length; i++) {
            columns[i] = c.getKeys()[i][0];
        }
        return LookupFunctionProvider.of(new Lookup(table, type, c.createDataStructureConverter(type), columns, key));
    }

    @Override
    public DynamicTableSource copy() {
        return new ValuesSource(table, type, mode, key);
    }

    @Override
    public String asSummaryString() {
        return "values";
    }

    /** A source that emits watermarks itself: after every row, or where the case says so. */
    static final class Watermarked extends ValuesSource implements SupportsWatermarkPushDown {
        private WatermarkStrategy<RowData> strategy;

        Watermarked(String table, DataType type, ChangelogMode mode, int[] key) {
            super(table, type, mode, key);
        }

        @Override
        public void applyWatermark(WatermarkStrategy<RowData> s) {
            strategy = s;
        }

        @Override
        public ScanRuntimeProvider getScanRuntimeProvider(ScanContext c) {
            Feed.current().scans(table);
            WatermarkStrategy<RowData> s = Feed.current().hasExplicitWatermarks(table) ? null : strategy;
            return SourceFunctionProvider.of(new Reader(table, c.createDataStructureConverter(type), s), false);
        }

        @Override
        public DynamicTableSource copy() {
            Watermarked w = new Watermarked(table, type, mode, key);
            w.strategy = strategy;
            return w;
        }
    }

    /** Emits the rows of a table, each step in its turn. */
    static final class Reader extends RichSourceFunction<RowData> {
        private final String table;
        private final DataStructureConverter converter;
        private final WatermarkStrategy<RowData> strategy;
        private volatile boolean cancelled;

        Reader(String table, DataStructureConverter converter, WatermarkStrategy<RowData> strategy) {
            this.table = table;
            this.converter = converter;
            this.strategy = strategy;
        }

        @Override
        public void run(SourceContext<RowData> out) throws Exception {
            Feed feed = Feed.current();
            converter.open(RuntimeConverter.Context.create(Reader.class.getClassLoader()));
            WatermarkOutput watermarks = new Output(out);
            WatermarkGenerator<RowData> generator = strategy == null ? null : strategy.createWatermarkGenerator(new Generators());
            feed.started(table);
            for (int i = feed.first(); i < feed.steps.size() && !cancelled; i++) {
                Feed.Step step = feed.steps.get(i);
                if (!feed.await(i)) {
                    return;
                }
                if (!table.equals(step.table())) {
                    continue;
                }
                synchronized (out.getCheckpointLock()) {
                    for (Row row : step.rows() == null ? List.<Row>of() : step.rows()) {
                        RowData data = (RowData) converter.toInternal(row);
                        data.setRowKind(row.getKind());
                        out.collect(data);
                        if (generator != null) {
                            generator.onEvent(data, Long.MIN_VALUE, watermarks);
                        }
                    }
                    if (step.watermark() != null) {
                        out.emitWatermark(new Watermark(step.watermark()));
                    }
                }
                feed.isOut(i);
            }
            feed.awaitEnd();
        }

        @Override
        public void cancel() {
            cancelled = true; // the thread, waiting for its turn, is interrupted by the runtime
        }

        /** What a watermark generator may ask for. */
        private final class Generators implements WatermarkGeneratorSupplier.Context {
            @Override
            public MetricGroup getMetricGroup() {
                return getRuntimeContext().getMetricGroup();
            }

            @Override
            public RelativeClock getInputActivityClock() {
                return SystemClock.getInstance();
            }
        }
    }

    /** Hands watermarks to the source's output. */
    private record Output(RichSourceFunction.SourceContext<RowData> out) implements WatermarkOutput {
        @Override
        public void emitWatermark(org.apache.flink.api.common.eventtime.Watermark w) {
            out.emitWatermark(new Watermark(w.getTimestamp()));
        }

        @Override
        public void markIdle() {
            out.markAsTemporarilyIdle();
        }

        @Override
        public void markActive() {}
    }

    /** Looks rows up by the columns of a join. */
    static final class Lookup extends LookupFunction {
        private final String table;
        private final DataType type;
        private final DataStructureConverter converter;
        private final int[] columns;
        private final int[] key;

        Lookup(String table, DataType type, DataStructureConverter converter, int[] columns, int[] key) {
            this.table = table;
            this.type = type;
            this.converter = converter;
            this.columns = columns;
            this.key = key;
        }

        @Override
        public void open(FunctionContext c) {
            converter.open(RuntimeConverter.Context.create(Lookup.class.getClassLoader()));
        }

        @Override
        public Collection<RowData> lookup(RowData wanted) {
            List<RowData> found = new ArrayList<>();
            for (Row row : held()) {
                RowData data = (RowData) converter.toInternal(row);
                boolean equal = true;
                for (int i = 0; i < columns.length && equal; i++) {
                    var t = type.getLogicalType().getChildren().get(columns[i]);
                    Object a = RowData.createFieldGetter(t, columns[i]).getFieldOrNull(data);
                    Object b = RowData.createFieldGetter(t, i).getFieldOrNull(wanted);
                    equal = a != null && Objects.equals(a, b);
                }
                if (equal) {
                    found.add(data);
                }
            }
            return found;
        }

        private Collection<Row> held() {
            Map<Object, Row> rows = new LinkedHashMap<>();
            for (Row row : Feed.current().given(table)) {
                Object id = key.length == 0 ? new Object() : Row.project(row, key).toString().substring(2);
                if (row.getKind() == RowKind.DELETE || row.getKind() == RowKind.UPDATE_BEFORE) {
                    rows.remove(id);
                } else {
                    Row plain = Row.copy(row);
                    plain.setKind(RowKind.INSERT);
                    rows.put(id, plain);
                }
            }
            return rows.values();
        }
    }
}
