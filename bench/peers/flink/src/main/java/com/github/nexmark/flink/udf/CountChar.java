package com.github.nexmark.flink.udf;

import org.apache.flink.table.functions.ScalarFunction;

/** The function of Nexmark's query 14, under the class name that the query's text gives it. */
public final class CountChar extends ScalarFunction {
    /** How often the first character of c occurs in s; null when one of them is missing. */
    public Long eval(String s, String c) {
        if (s == null || c == null || c.isEmpty()) {
            return null;
        }
        char want = c.charAt(0);
        long n = 0;
        for (int i = 0; i < s.length(); i++) {
            if (s.charAt(i) == want) {
                n++;
            }
        }
        return n;
    }
}
