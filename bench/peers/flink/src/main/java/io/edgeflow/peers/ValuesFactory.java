package io.edgeflow.peers;

import java.util.Set;

import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.table.connector.ChangelogMode;
import org.apache.flink.table.connector.sink.DynamicTableSink;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.factories.DynamicTableSinkFactory;
import org.apache.flink.table.factories.DynamicTableSourceFactory;
import org.apache.flink.types.RowKind;

/**
 * The connector 'values' of pipeline tests: a source that serves the rows of the case and a
 * sink that keeps the changes. 'changelog-mode' says which row kinds a source delivers or a
 * sink takes; other options are ignored, as the test replaces the connector of a table.
 */
public final class ValuesFactory implements DynamicTableSourceFactory, DynamicTableSinkFactory {
    @Override
    public String factoryIdentifier() {
        return "values";
    }

    @Override
    public Set<ConfigOption<?>> requiredOptions() {
        return Set.of();
    }

    @Override
    public Set<ConfigOption<?>> optionalOptions() {
        return Set.of();
    }

    @Override
    public DynamicTableSource createDynamicTableSource(Context c) {
        String table = c.getObjectIdentifier().getObjectName();
        ChangelogMode mode = mode(c.getCatalogTable().getOptions().get("changelog-mode"));
        if (mode == null) {
            mode = ChangelogMode.insertOnly();
        }
        boolean onEvent = "on-event".equals(c.getCatalogTable().getOptions().get("scan.watermark.emit.strategy"));
        if (onEvent || Feed.current().hasExplicitWatermarks(table)) {
            return new ValuesSource.Watermarked(table, c.getPhysicalRowDataType(), mode, c.getPrimaryKeyIndexes());
        }
        return new ValuesSource(table, c.getPhysicalRowDataType(), mode, c.getPrimaryKeyIndexes());
    }

    @Override
    public DynamicTableSink createDynamicTableSink(Context c) {
        String table = c.getObjectIdentifier().getObjectName();
        if (table.startsWith("*anonymous")) {
            table = Feed.RESULT;
        }
        Feed.current().sink(table, c.getPrimaryKeyIndexes());
        return new ValuesSink(table, c.getPhysicalRowDataType(), mode(c.getCatalogTable().getOptions().get("changelog-mode")), c.getPrimaryKeyIndexes());
    }

    private static ChangelogMode mode(String text) {
        if (text == null) {
            return null;
        }
        ChangelogMode.Builder b = ChangelogMode.newBuilder();
        for (String kind : text.split(",")) {
            b.addContainedKind(switch (kind.trim()) {
                case "I" -> RowKind.INSERT;
                case "UB" -> RowKind.UPDATE_BEFORE;
                case "UA" -> RowKind.UPDATE_AFTER;
                case "D" -> RowKind.DELETE;
                default -> throw new IllegalArgumentException("changelog-mode: " + kind + " is none of I, UB, UA and D");
            });
        }
        return b.build();
    }
}
