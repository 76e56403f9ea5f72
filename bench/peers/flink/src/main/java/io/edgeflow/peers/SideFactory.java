package io.edgeflow.peers;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.ConfigOptions;
import org.apache.flink.table.connector.source.DynamicTableSource;
import org.apache.flink.table.connector.source.LookupTableSource;
import org.apache.flink.table.connector.source.lookup.LookupFunctionProvider;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.factories.DynamicTableSourceFactory;
import org.apache.flink.table.functions.FunctionContext;
import org.apache.flink.table.functions.LookupFunction;

/**
 * The connector 'side': a table of a BIGINT key and a STRING in a file, "key,value" a line,
 * held in memory and looked up by its key. Nexmark's query 13 looks up in a file, which
 * Flink's filesystem connector does not do.
 */
public final class SideFactory implements DynamicTableSourceFactory {
    private static final ConfigOption<String> PATH = ConfigOptions.key("path").stringType().noDefaultValue();

    @Override
    public String factoryIdentifier() {
        return "side";
    }

    @Override
    public Set<ConfigOption<?>> requiredOptions() {
        return Set.of(PATH);
    }

    @Override
    public Set<ConfigOption<?>> optionalOptions() {
        return Set.of();
    }

    @Override
    public DynamicTableSource createDynamicTableSource(Context c) {
        return new Side(c.getCatalogTable().getOptions().get(PATH.key()));
    }

    /** The table of a file. */
    private record Side(String path) implements LookupTableSource {
        @Override
        public LookupRuntimeProvider getLookupRuntimeProvider(LookupContext c) {
            if (c.getKeys().length != 1 || c.getKeys()[0][0] != 0) {
                throw new IllegalArgumentException("the connector 'side' looks up by its first column alone");
            }
            return LookupFunctionProvider.of(new Held(path));
        }

        @Override
        public DynamicTableSource copy() {
            return this;
        }

        @Override
        public String asSummaryString() {
            return "side(" + path + ")";
        }
    }

    /** The rows, by key. */
    public static final class Held extends LookupFunction {
        private final String path;
        private transient Map<Long, Collection<RowData>> rows;

        Held(String path) {
            this.path = path;
        }

        @Override
        public void open(FunctionContext c) throws IOException {
            rows = new HashMap<>();
            try (BufferedReader in = Files.newBufferedReader(Path.of(path))) {
                for (String line; (line = in.readLine()) != null; ) {
                    int comma = line.indexOf(',');
                    long key = Long.parseLong(line.substring(0, comma));
                    rows.put(key, List.of(GenericRowData.of(key, StringData.fromString(line.substring(comma + 1)))));
                }
            }
        }

        @Override
        public Collection<RowData> lookup(RowData key) {
            return key.isNullAt(0) ? List.of() : rows.getOrDefault(key.getLong(0), List.of());
        }
    }
}
