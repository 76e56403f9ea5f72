package io.edgeflow.peers;

import java.util.Map;

import org.apache.flink.streaming.api.functions.sink.legacy.RichSinkFunction;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.RuntimeConverter;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.connector.sink.abilities.SupportsPartitioning;
import org.apache.flink.table.connector.sink.legacy.SinkFunctionProvider;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.types.DataType;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;

/**
 * The sink of a table under test. It takes the row kinds of 'changelog-mode', else whatever
 * the query yields, without -U where the table has a primary key.
 */
final class ValuesSink implements DynamicTableSink, SupportsPartitioning {
    private final String table;
    private final DataType type;
    private final ChangelogMode mode;
    private final int[] key;

    ValuesSink(String table, DataType type, ChangelogMode mode, int[] key) {
        this.table = table;
        this.type = type;
        this.mode = mode;
        this.key = key;
    }

    @Override
    public ChangelogMode getChangelogMode(ChangelogMode requested) {
        if (mode != null) {
            return mode;
        }
        if (key.length == 0) {
            return requested;
        }
        ChangelogMode.Builder b = ChangelogMode.newBuilder();
        for (RowKind kind : requested.getContainedKinds()) {
            if (kind != RowKind.UPDATE_BEFORE) {
                b.addContainedKind(kind);
            }
        }
        return b.build();
    }

    @Override
    public SinkRuntimeProvider getSinkRuntimeProvider(Context c) {
        return SinkFunctionProvider.of(new Writer(table, c.createDataStructureConverter(type)));
    }

    @Override
    public void applyStaticPartition(Map<String, String> partition) {
        // A partition is a column like any other here.
    }

    @Override
    public DynamicTableSink copy() {
        return new ValuesSink(table, type, mode, key);
    }

    @Override
    public String asSummaryString() {
        return "values";
    }

    /** Keeps every change. */
    static final class Writer extends RichSinkFunction<RowData> {
        private final String table;
        private final DataStructureConverter converter;
        private transient boolean open;

        Writer(String table, DataStructureConverter converter) {
            this.table = table;
            this.converter = converter;
        }

        @Override
        public void invoke(RowData data, Context c) {
            if (!open) {
                converter.open(RuntimeConverter.Context.create(Writer.class.getClassLoader()));
                open = true;
            }
            Row row = (Row) converter.toExternal(data);
            row.setKind(data.getRowKind());
            Feed.current().change(table, Row.copy(row));
        }
    }
}
