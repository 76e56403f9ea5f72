package io.edgeflow.peers;

import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.Period;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;

import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.LogicalTypeRoot;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.types.Row;
import org.apache.flink.types.RowKind;

/** The cells of a case's rows: YAML values to Flink's, and both to text that can be compared. */
final class Cells {
    private static final Pattern TIME = Pattern.compile("(\\d{4}-\\d\\d-\\d\\d)[T ](\\d\\d:\\d\\d)(:\\d\\d)?(\\.\\d+)?");

    private final ZoneId zone;

    Cells(ZoneId zone) {
        this.zone = zone;
    }

    /** Makes a row of what a case gives: cells by position or column, or {op, row} around them. */
    Row row(Object v, DataType type, List<String> delivered) {
        RowKind kind = RowKind.INSERT;
        if (v instanceof Map<?, ?> m && m.containsKey("row")) {
            if (m.containsKey("op")) {
                kind = kind(String.valueOf(m.get("op")));
            }
            v = m.get("row");
        }
        List<String> names = DataType.getFieldNames(type);
        List<DataType> types = DataType.getFieldDataTypes(type);
        Row row = new Row(kind, names.size());
        if (v instanceof Map<?, ?> m) {
            m.forEach((name, cell) -> {
                int i = names.indexOf(String.valueOf(name));
                if (i < 0) {
                    throw new IllegalArgumentException("no physical column " + name + " among " + names);
                }
                row.setField(i, value(cell, types.get(i)));
            });
        } else if (v instanceof List<?> l) {
            for (int i = 0; i < Math.min(l.size(), delivered.size()); i++) {
                int j = names.indexOf(delivered.get(i));
                if (j >= 0) {
                    row.setField(j, value(l.get(i), types.get(j)));
                }
            }
        } else {
            throw new IllegalArgumentException("a row is a list or a mapping, not " + v);
        }
        return row;
    }

    static RowKind kind(String op) {
        for (RowKind k : RowKind.values()) {
            if (k.shortString().equalsIgnoreCase(op.trim())) {
                return k;
            }
        }
        throw new IllegalArgumentException("'" + op + "' is no row kind; expected +I, -U, +U or -D");
    }

    /** Makes a YAML value a value of a type, in the class that Flink takes for it. */
    Object value(Object v, DataType type) {
        if (v == null) {
            return null;
        }
        LogicalType t = type.getLogicalType();
        List<DataType> children = type.getChildren();
        switch (t.getTypeRoot()) {
            case ARRAY:
                List<?> l = (List<?>) v;
                Object array = Array.newInstance(type.getConversionClass().getComponentType(), l.size());
                for (int i = 0; i < l.size(); i++) {
                    Array.set(array, i, value(l.get(i), children.get(0)));
                }
                return array;
            case MAP:
            case MULTISET:
                return map(v, type);
            case ROW:
            case STRUCTURED_TYPE:
                return nested(v, type);
            default:
                return scalar(v, t);
        }
    }

    private Object map(Object v, DataType type) {
        DataType key = type.getChildren().get(0);
        DataType val = type.getChildren().size() > 1 ? type.getChildren().get(1) : org.apache.flink.table.api.DataTypes.INT();
        Map<Object, Object> out = new LinkedHashMap<>();
        Map<?, ?> m = (Map<?, ?>) v;
        if (m.get("$map") instanceof List<?> pairs) {
            for (Object p : pairs) {
                out.put(value(((List<?>) p).get(0), key), value(((List<?>) p).get(1), val));
            }
        } else {
            m.forEach((k, x) -> out.put(value(k, key), value(x, val)));
        }
        return out;
    }

    private Row nested(Object v, DataType type) {
        List<DataType> children = type.getChildren();
        List<String> names = ((RowType) type.getLogicalType()).getFieldNames();
        Row r = new Row(children.size());
        for (int i = 0; i < children.size(); i++) {
            Object cell = v instanceof Map<?, ?> m ? m.get(names.get(i)) : ((List<?>) v).get(i);
            r.setField(i, value(cell, children.get(i)));
        }
        return r;
    }

    private Object scalar(Object v, LogicalType t) {
        if (v instanceof Map<?, ?> m && m.containsKey("$bytes")) {
            return HexFormat.of().parseHex(String.valueOf(m.get("$bytes")));
        }
        String s = String.valueOf(v);
        switch (t.getTypeRoot()) {
            case CHAR:
            case VARCHAR:
                return s;
            case BOOLEAN:
                return Boolean.valueOf(s);
            case TINYINT:
                return Byte.valueOf(s);
            case SMALLINT:
                return Short.valueOf(s);
            case INTEGER:
                return Integer.valueOf(s);
            case BIGINT:
                return Long.valueOf(s);
            case FLOAT:
                return Float.valueOf(s);
            case DOUBLE:
                return Double.valueOf(s);
            case DECIMAL:
                var d = (org.apache.flink.table.types.logical.DecimalType) t;
                return new BigDecimal(s).setScale(d.getScale(), RoundingMode.HALF_UP);
            case DATE:
                return LocalDate.parse(s);
            case TIME_WITHOUT_TIME_ZONE:
                return LocalTime.parse(s);
            case TIMESTAMP_WITHOUT_TIME_ZONE:
                return local(s);
            case TIMESTAMP_WITH_LOCAL_TIME_ZONE:
                return s.endsWith("Z") ? local(s.substring(0, s.length() - 1)).toInstant(ZoneOffset.UTC) : local(s).atZone(zone).toInstant();
            case BINARY:
            case VARBINARY:
                return v instanceof List<?> l ? bytes(l) : s.getBytes(java.nio.charset.StandardCharsets.UTF_8);
            case INTERVAL_YEAR_MONTH:
                return Period.parse(s);
            case INTERVAL_DAY_TIME:
                return Duration.parse(s);
            default:
                throw new IllegalArgumentException("no cells of type " + t);
        }
    }

    private static byte[] bytes(List<?> l) {
        byte[] out = new byte[l.size()];
        for (int i = 0; i < out.length; i++) {
            out[i] = ((Number) l.get(i)).byteValue();
        }
        return out;
    }

    /** Reads a timestamp in either ISO form. */
    static LocalDateTime local(String s) {
        String iso = s.trim().replace(' ', 'T');
        return iso.indexOf('T') < 0 ? LocalDate.parse(iso).atStartOfDay() : LocalDateTime.parse(iso);
    }

    /** The milliseconds since 1970 of a watermark. */
    long instant(String s) {
        return (s.endsWith("Z") ? local(s.substring(0, s.length() - 1)) : local(s)).toInstant(ZoneOffset.UTC).toEpochMilli();
    }

    /** Prints a value as a row prints it. */
    static String print(Object v) {
        if (v instanceof Map<?, ?> m) {
            TreeSet<String> parts = new TreeSet<>();
            m.forEach((k, x) -> parts.add(print(k) + "=" + print(x)));
            return "{" + String.join(", ", parts) + "}";
        }
        if (v instanceof Row r) {
            List<String> parts = new ArrayList<>();
            for (int i = 0; i < r.getArity(); i++) {
                parts.add(print(r.getField(i)));
            }
            return r.getKind().shortString() + "[" + String.join(", ", parts) + "]";
        }
        if (v != null && v.getClass().isArray()) {
            List<String> parts = new ArrayList<>();
            for (int i = 0; i < Array.getLength(v); i++) {
                parts.add(print(Array.get(v, i)));
            }
            return "[" + String.join(", ", parts) + "]";
        }
        if (v instanceof BigDecimal d) {
            return d.toPlainString();
        }
        return v instanceof LocalDateTime || v instanceof Instant ? canonical(v.toString()) : String.valueOf(v);
    }

    /** Brings timestamps and the case of TRUE, FALSE and NULL to one form. */
    static String canonical(String s) {
        String out = TIME.matcher(s).replaceAll(m -> {
            String fraction = m.group(4) == null ? "" : m.group(4).replaceAll("0+$", "");
            return m.group(1) + " " + m.group(2) + (m.group(3) == null ? ":00" : m.group(3)) + (fraction.equals(".") ? "" : fraction);
        });
        return out.equals("TRUE") || out.equals("FALSE") || out.equals("NULL") ? out.toLowerCase() : out;
    }

    /** Whether an expected row, a list of cells or a printed row, is the actual one. */
    boolean same(Object want, Row got, DataType type, boolean withKind) {
        if (want instanceof String s) {
            Row g = Row.copy(got);
            if (!withKind) {
                g.setKind(RowKind.INSERT);
                s = s.startsWith("+I[") ? s : "+I[" + s.replaceAll("^\\[|\\]$", "") + "]";
            }
            return canonical(s).equals(canonical(print(g)));
        }
        if (want instanceof Map<?, ?> m && m.containsKey("row")) {
            if (withKind && !kind(String.valueOf(m.get("op"))).equals(got.getKind())) {
                return false;
            }
            return same(m.get("row"), got, type, false);
        }
        List<DataType> types = DataType.getFieldDataTypes(type);
        List<String> names = DataType.getFieldNames(type);
        for (int i = 0; i < got.getArity(); i++) {
            Object cell;
            if (want instanceof List<?> l) {
                if (l.size() != got.getArity()) {
                    return false;
                }
                cell = l.get(i);
            } else {
                cell = ((Map<?, ?>) want).get(names.get(i));
            }
            if (!sameCell(cell, got.getField(i), types.get(i))) {
                return false;
            }
        }
        return !withKind || got.getKind() == RowKind.INSERT;
    }

    /** Whether an expected cell, as text or as a value of the type, is the actual one. */
    boolean sameCell(Object want, Object got, DataType type) {
        if (want == null || got == null) {
            return want == null && got == null;
        }
        String text = canonical(print(got));
        if (want instanceof String s && canonical(s).equals(text)) {
            return true;
        }
        try {
            Object v = value(want, type);
            if (type.getLogicalType().is(LogicalTypeRoot.DOUBLE)) {
                double a = (Double) v, b = (Double) got;
                return a == b || Math.abs(a - b) <= 4 * Math.ulp(a);
            }
            return canonical(print(v)).equals(text);
        } catch (RuntimeException e) {
            return false;
        }
    }
}
