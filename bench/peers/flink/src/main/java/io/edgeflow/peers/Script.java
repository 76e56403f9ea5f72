package io.edgeflow.peers;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The statements of a SQL script, and its SET statements. */
final class Script {
    /** A SET statement. */
    static final Pattern SET = Pattern.compile("(?is)SET\\s+'([^']*)'\\s*=\\s*'((?:[^']|'')*)'\\s*");
    private static final Pattern SET_MARK = Pattern.compile("(?is)(EXECUTE\\s+STATEMENT\\s+SET\\s+BEGIN|BEGIN\\s+STATEMENT\\s+SET)\\b\\s*");

    private Script() {}

    /**
     * Splits a script at the semicolons outside of quotes and comments. The brackets of a
     * statement set go away: all inserts of a script run as one job.
     */
    static List<String> split(String text) {
        List<String> out = new ArrayList<>();
        StringBuilder b = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '\'' || c == '`' || c == '"') {
                int end = text.indexOf(c, i + 1);
                end = end < 0 ? text.length() - 1 : end;
                b.append(text, i, end + 1);
                i = end;
            } else if (text.startsWith("--", i)) {
                int end = text.indexOf('\n', i);
                i = end < 0 ? text.length() : end;
                b.append('\n');
            } else if (text.startsWith("/*", i) && !text.startsWith("/*+", i)) {
                int end = text.indexOf("*/", i + 2);
                i = end < 0 ? text.length() : end + 1;
                b.append(' ');
            } else if (c == ';') {
                add(out, b.toString());
                b.setLength(0);
            } else {
                b.append(c);
            }
        }
        add(out, b.toString());
        return out;
    }

    private static void add(List<String> out, String statement) {
        String s = statement.trim();
        Matcher m = SET_MARK.matcher(s);
        if (m.lookingAt()) {
            s = s.substring(m.end()).trim();
        }
        if (!s.isEmpty() && !s.equalsIgnoreCase("END")) {
            out.add(s);
        }
    }

    /** Whether a statement begins with a word. */
    static boolean begins(String statement, String words) {
        return Pattern.compile("(?is)" + words + "\\b").matcher(statement).lookingAt();
    }
}
