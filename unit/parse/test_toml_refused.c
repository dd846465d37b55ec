/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOML: what each rule refuses, with the exact message and place.
 */
#include <stdio.h>

#include "support.h"

#include "parse/toml.h"

struct refusal {
    const char *text, *message;
};

static void refused(const struct refusal *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
        const struct toml *root = NULL;
        struct err e = ERR_INIT;
        int r = toml_parse(view_of(cases[i].text), &a, &root, &e);
        if (r != -ERR_INVALID_ARGUMENT || strcmp(e.message, cases[i].message) != 0 || root)
            fail_msg("%s\n%d %s\nwanted: %s", cases[i].text, r, e.message, cases[i].message);
        assert_int_equal(toml_parse(view_of(cases[i].text), &a, &root, NULL), -ERR_INVALID_ARGUMENT);
    }
}

static void bad_lines(void **state)
{
    static const struct refusal cases[] = {
        {"a", "line 1, column 2: expected \"=\" after the key \"a\""},
        {"a\n= 1", "line 1, column 2: expected \"=\" after the key \"a\""},
        {"a $ = 1", "line 1, column 3: expected \"=\" after the key \"a\""},
        {"= 1", "line 1, column 1: \"=\" where a key should be"},
        {"a. = 1", "line 1, column 4: \"=\" where a key should be"},
        {".a = 1", "line 1, column 1: \".\" where a key should be"},
        {"a..b = 1", "line 1, column 3: \".\" where a key should be"},
        {"a.", "line 1, column 3: a key is missing"},
        {"a.\r\n", "line 1, column 3: a key is missing"},
        {"a.\r", "line 1, column 3: the control character 0x0D where a key should be"},
        {"\u00e9 = 1", "line 1, column 1: \"\u00e9\" where a key should be"},
        {"\"\"\"a\"\"\" = 1", "line 1, column 1: a string of several lines cannot be a key"},
        {"'''a''' = 1", "line 1, column 1: a string of several lines cannot be a key"},
        {"\"a = 1\n", "line 1, column 1: the string does not end on its line"},
        {"\"a\\x\" = 1\n", "line 1, column 3: \"\\x\" is no escape that TOML knows"},
        {"a = 1 b = 2", "line 1, column 7: \"b\" where the end of the line should be"},
        {"a = 1,", "line 1, column 6: \",\" where the end of the line should be"},
        {"a = \"x\" \u00e9", "line 1, column 9: \"\u00e9\" where the end of the line should be"},
        {"\r", "line 1, column 1: the control character 0x0D where the end of the line should be"},
        {"a = 1\r", "line 1, column 6: the control character 0x0D where the end of the line should be"},
        {"\f", "line 1, column 1: the control character 0x0C where a key should be"},
        {"# a\r \n", "line 1, column 4: the control character 0x0D in a comment"},
        {"\n# \x7f", "line 2, column 3: the control character 0x7F in a comment"},
        {"[a", "line 1, column 3: expected \"]\" after \"a\""},
        {"[a\n]", "line 1, column 3: expected \"]\" after \"a\""},
        {"[[a]", "line 1, column 4: expected \"]]\" after \"a\""},
        {"[[a] ]", "line 1, column 4: expected \"]]\" after \"a\""},
        {"[ [a]]", "line 1, column 3: \"[\" where a key should be"},
        {"[]", "line 1, column 2: \"]\" where a key should be"},
        {"[a.]", "line 1, column 4: \"]\" where a key should be"},
        {"[a]]", "line 1, column 4: \"]\" where the end of the line should be"},
        {"[a] b = 1", "line 1, column 5: \"b\" where the end of the line should be"},
        {"a = \"\xff\"", "line 1, column 6: the byte 0xFF is not UTF-8 here"},
        {"\n# \xed\xa0\x80", "line 2, column 3: the byte 0xED is not UTF-8 here"},
        {"\xef\xbb\xbf" "a = 1", "line 1, column 1: a byte order mark (U+FEFF) where the document should start"},
        {"a = 1\n\xef\xbb\xbf", "line 2, column 1: \"\xef\xbb\xbf\" where a key should be"},
    };
    refused(cases, ARRAY_SIZE(cases));
}

static void bad_strings(void **state)
{
    static const struct refusal cases[] = {
        {"a = \"x", "line 1, column 5: the string does not end"},
        {"a = \"x\\\"", "line 1, column 5: the string does not end"},
        {"a = \"x\ny\"", "line 1, column 5: the string does not end on its line"},
        {"a = \"x\\\ny\"", "line 1, column 5: the string does not end on its line"},
        {"a = \"x\\\r\ny\"", "line 1, column 5: the string does not end on its line"},
        {"a = 'x\r\ny'", "line 1, column 5: the string does not end on its line"},
        {"a = 'x'y'", "line 1, column 8: \"y\" where the end of the line should be"},
        {"a = \"\"\"x\ny\"\"", "line 1, column 5: the string does not end"},
        {"a = '''x\ny''", "line 1, column 5: the string does not end"},
        {"a = \"\"\"x\"\"\"\"\"\"", "line 1, column 14: \"\"\" where the end of the line should be"},
        {"a = \"\001\"", "line 1, column 6: the control character 0x01 in a string"},
        {"a = \"x\r\"", "line 1, column 7: the control character 0x0D in a string"},
        {"a = \"\"\"\n\n x\ry\"\"\"", "line 3, column 3: the control character 0x0D in a string"},
        {"a = '\x7f'", "line 1, column 6: the control character 0x7F in a string"},
        {"a = \"C:\\dir\"", "line 1, column 8: \"\\d\" is no escape that TOML knows"},
        {"a = \"\\\u00e9\"", "line 1, column 6: \"\\\u00e9\" is no escape that TOML knows"},
        {"a = \"\\", "line 1, column 6: \"\\\" is no escape that TOML knows"},
        {"a = \"\\e\\x41\"", "line 1, column 6: \"\\e\" is no escape that TOML knows"},
        {"a = \"\"\"x\\ y\"\"\"", "line 1, column 9: \"\\ \" is no escape that TOML knows"},
        {"a = \"x\\ \"", "line 1, column 7: \"\\ \" is no escape that TOML knows"},
        {"a = \"\\u12\"", "line 1, column 6: \"\\u\" needs 4 hexadecimal digits behind it"},
        {"a = \"\\U0010FFF\"", "line 1, column 6: \"\\U\" needs 8 hexadecimal digits behind it"},
        {"a = \"\\u123", "line 1, column 6: \"\\u\" needs 4 hexadecimal digits behind it"},
        {"a = \"\\ud800\"", "line 1, column 6: \"\\ud800\" is no Unicode character"},
        {"a = \"\\uDFFF\"", "line 1, column 6: \"\\uDFFF\" is no Unicode character"},
        {"a = \"\\U00110000\"", "line 1, column 6: \"\\U00110000\" is no Unicode character"},
        {"a = \"\\UFFFFFFFF\"", "line 1, column 6: \"\\UFFFFFFFF\" is no Unicode character"},
        {"a = \"\\u0000\"", "line 1, column 6: a NUL in a string is not supported"},
        {"\"\\U00000000\" = 1", "line 1, column 2: a NUL in a string is not supported"},
    };
    refused(cases, ARRAY_SIZE(cases));
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    const struct toml *root;
    struct err e = ERR_INIT;
    assert_fails(toml_parse(VIEW_LIT("a = 'x\0y'"), &a, &root, &e), &e, ERR_INVALID_ARGUMENT, "line 1, column 7: the control character 0x00 in a string");
    assert_fails(toml_parse(VIEW_LIT("a = 1\0"), &a, &root, &e), &e, ERR_INVALID_ARGUMENT, "line 1, column 6: the control character 0x00 where the end");
    assert_fails(toml_parse(VIEW_LIT("\0"), &a, &root, &e), &e, ERR_INVALID_ARGUMENT, "line 1, column 1: the control character 0x00 where a key");
}

static void bad_values(void **state)
{
    static const struct refusal cases[] = {
        {"a =", "line 1, column 4: a value is missing"},
        {"a = \n1", "line 1, column 5: a value is missing"},
        {"a = # x", "line 1, column 5: \"#\" where a value should be"},
        {"a = ,", "line 1, column 5: \",\" where a value should be"},
        {"a = True", "line 1, column 5: \"True\" is no value; a string needs quotes"},
        {"a = truefalse", "line 1, column 5: \"truefalse\" is no value; a string needs quotes"},
        {"a = docker.io", "line 1, column 5: \"docker.io\" is no value; a string needs quotes"},
        {"a = Inf", "line 1, column 5: \"Inf\" is no value; a string needs quotes"},
        {"a = +true", "line 1, column 5: \"+true\" is no value; a string needs quotes"},
        {"a = -", "line 1, column 5: \"-\" is no value; a string needs quotes"},
        {"a = ++1", "line 1, column 5: \"++1\" is no value; a string needs quotes"},
        {"a = .5", "line 1, column 5: \".5\" is no value; a string needs quotes"},
        {"a = 5.", "line 1, column 5: \"5.\" is not a number"},
        {"a = 1.2.3", "line 1, column 5: \"1.2.3\" is not a number"},
        {"a = 1.e2", "line 1, column 5: \"1.e2\" is not a number"},
        {"a = 1e", "line 1, column 5: \"1e\" is not a number"},
        {"a = 1e+-2", "line 1, column 5: \"1e+-2\" is not a number"},
        {"a = 1e2.0", "line 1, column 5: \"1e2.0\" is not a number"},
        {"a = 12e4-5", "line 1, column 5: \"12e4-5\" is not a number"},
        {"a = 1x:00:00", "line 1, column 5: \"1x:00:00\" is not a number"},
        {"a = 1_.0", "line 1, column 5: \"1_.0\" is not a number"},
        {"a = 1._0", "line 1, column 5: \"1._0\" is not a number"},
        {"a = 1.0_", "line 1, column 5: \"1.0_\" is not a number"},
        {"a = 1e_2", "line 1, column 5: \"1e_2\" is not a number"},
        {"a = 00.5", "line 1, column 5: the number \"00.5\" starts with a zero"},
        {"a = -01", "line 1, column 5: the number \"-01\" starts with a zero"},
        {"a = 0_1", "line 1, column 5: the number \"0_1\" starts with a zero"},
        {"a = 1__0", "line 1, column 5: \"1__0\" is not a number"},
        {"a = 1_", "line 1, column 5: \"1_\" is not a number"},
        {"a = 1x", "line 1, column 5: \"1x\" is not a number"},
        {"a = 0X1", "line 1, column 5: \"0X1\" is not a number"},
        {"a = 0x", "line 1, column 5: \"0x\" is not a number"},
        {"a = 0x_1", "line 1, column 5: \"0x_1\" is not a number"},
        {"a = 0xg", "line 1, column 5: \"0xg\" is not a number"},
        {"a = 0o8", "line 1, column 5: \"0o8\" is not a number"},
        {"a = 0b2", "line 1, column 5: \"0b2\" is not a number"},
        {"a = 0b1.0", "line 1, column 5: \"0b1.0\" is not a number"},
        {"a = +0x1", "line 1, column 5: \"+0x1\" is not a number"},
        {"a = 9223372036854775808", "line 1, column 5: the integer \"9223372036854775808\" does not fit into 64 bits"},
        {"a = -9223372036854775809", "line 1, column 5: the integer \"-9223372036854775809\" does not fit into 64 bits"},
        {"a = 0x8000000000000000", "line 1, column 5: the integer \"0x8000000000000000\" does not fit into 64 bits"},
        {"a = 99999999999999999999999", "line 1, column 5: the integer \"99999999999999999999999\" does not fit into 64 bits"},
    };
    refused(cases, ARRAY_SIZE(cases));
}

static void bad_dates(void **state)
{
    static const struct refusal cases[] = {
        {"a = 2023-02-29", "line 1, column 5: \"2023-02-29\" is not a day of the calendar"},
        {"a = 1900-02-29", "line 1, column 5: \"1900-02-29\" is not a day of the calendar"},
        {"a = 2024-02-30", "line 1, column 5: \"2024-02-30\" is not a day of the calendar"},
        {"a = 2024-01-32", "line 1, column 5: \"2024-01-32\" is not a day of the calendar"},
        {"a = 2024-04-31", "line 1, column 5: \"2024-04-31\" is not a day of the calendar"},
        {"a = 2024-06-31", "line 1, column 5: \"2024-06-31\" is not a day of the calendar"},
        {"a = 2024-09-31", "line 1, column 5: \"2024-09-31\" is not a day of the calendar"},
        {"a = 2024-11-31", "line 1, column 5: \"2024-11-31\" is not a day of the calendar"},
        {"a = 2024-00-01", "line 1, column 5: \"2024-00-01\" is not a day of the calendar"},
        {"a = 2024-13-01", "line 1, column 5: \"2024-13-01\" is not a day of the calendar"},
        {"a = 2024-01-00", "line 1, column 5: \"2024-01-00\" is not a day of the calendar"},
        {"a = 2024-1-01", "line 1, column 5: \"2024-1-01\" is not a date (YYYY-MM-DD)"},
        {"a = 2024-01", "line 1, column 5: \"2024-01\" is not a date (YYYY-MM-DD)"},
        {"a = 2024-01-01x", "line 1, column 5: \"2024-01-01x\" is not a date (YYYY-MM-DD)"},
        {"a = 2024-aa-01", "line 1, column 5: \"2024-aa-01\" is not a date (YYYY-MM-DD)"},
        {"a = 2024-01-aa", "line 1, column 5: \"2024-01-aa\" is not a date (YYYY-MM-DD)"},
        {"a = 2024-01:01", "line 1, column 5: \"2024-01:01\" is not a date (YYYY-MM-DD)"},
        {"a = 12:aa:00", "line 1, column 5: \"12:aa:00\" is not a time (hh:mm:ss)"},
        {"a = 12:00-00", "line 1, column 5: \"12:00-00\" is not a time (hh:mm:ss)"},
        {"a = 12:00:aa", "line 1, column 5: \"12:00:aa\" is not a time (hh:mm:ss)"},
        {"a = 2024-01-01Taa:00:00", "line 1, column 5: \"2024-01-01Taa:00:00\" is not a time (hh:mm:ss)"},
        {"a = 2024-01-01T12-00:00", "line 1, column 5: \"2024-01-01T12-00:00\" is not a time (hh:mm:ss)"},
        {"a = 2024-01-01T", "line 1, column 5: \"2024-01-01T\" is not a time (hh:mm:ss)"},
        {"a = 2024-01-01 1", "line 1, column 5: \"2024-01-01 1\" is not a time (hh:mm:ss)"},
        {"a = 2024-01-01 x", "line 1, column 16: \"x\" where the end of the line should be"},
        {"a = 2024-01-01T24:00:00", "line 1, column 5: \"2024-01-01T24:00:00\" is not a time of the day"},
        {"a = 12:60:00", "line 1, column 5: \"12:60:00\" is not a time of the day"},
        {"a = 12:00:61", "line 1, column 5: \"12:00:61\" is not a time of the day"},
        {"a = 12:00", "line 1, column 5: \"12:00\" is not a time (hh:mm:ss)"},
        {"a = 12:00:0", "line 1, column 5: \"12:00:0\" is not a time (hh:mm:ss)"},
        {"a = 12:00:00.", "line 1, column 5: \"12:00:00.\" has no digit behind the point"},
        {"a = 12:00:00Z", "line 1, column 5: \"12:00:00Z\" is not a time (hh:mm:ss)"},
        {"a = 2024-01-01T12:00:00+1:00", "line 1, column 5: \"2024-01-01T12:00:00+1:00\" has no offset from UTC (Z, +hh:mm or -hh:mm) behind the time"},
        {"a = 2024-01-01T12:00:00+0100", "line 1, column 5: \"2024-01-01T12:00:00+0100\" has no offset from UTC (Z, +hh:mm or -hh:mm) behind the time"},
        {"a = 2024-01-01T12:00:00+01:aa", "line 1, column 5: \"2024-01-01T12:00:00+01:aa\" has no offset from UTC (Z, +hh:mm or -hh:mm) behind the time"},
        {"a = 2024-01-01T12:00:00x", "line 1, column 5: \"2024-01-01T12:00:00x\" has no offset from UTC (Z, +hh:mm or -hh:mm) behind the time"},
        {"a = 2024-01-01T12:00:00+24:00", "line 1, column 5: \"2024-01-01T12:00:00+24:00\" has an offset from UTC of a day or more"},
        {"a = 2024-01-01T12:00:00+23:60", "line 1, column 5: \"2024-01-01T12:00:00+23:60\" has an offset from UTC of a day or more"},
        {"a = 2024-01-01T12:00:00Z1", "line 1, column 5: \"2024-01-01T12:00:00Z1\" goes on behind the offset from UTC"},
    };
    refused(cases, ARRAY_SIZE(cases));
}

static void bad_arrays_and_inline_tables(void **state)
{
    static const struct refusal cases[] = {
        {"a = [", "line 1, column 6: the array that starts in line 1 does not end"},
        {"a = [1", "line 1, column 7: the array that starts in line 1 does not end"},
        {"a = [1,\n\n", "line 3, column 1: the array that starts in line 1 does not end"},
        {"a = [1 2]", "line 1, column 8: expected \",\" or \"]\" in the array that starts in line 1"},
        {"a = [\n[1\n}]", "line 3, column 1: expected \",\" or \"]\" in the array that starts in line 2"},
        {"a = [,]", "line 1, column 6: \",\" where a value should be"},
        {"a = [1,,2]", "line 1, column 8: \",\" where a value should be"},
        {"a = [1 # \001\n]", "line 1, column 10: the control character 0x01 in a comment"},
        {"a = [ # \001\n]", "line 1, column 9: the control character 0x01 in a comment"},
        {"a = [1\r]", "line 1, column 7: expected \",\" or \"]\" in the array that starts in line 1"},
        {"a = {", "line 1, column 6: the inline table that starts in line 1 does not end"},
        {"a = {b = 1", "line 1, column 11: the inline table that starts in line 1 does not end"},
        {"a = {b = 1,}", "line 1, column 12: no \",\" may stand before the \"}\" of an inline table"},
        {"a = {b = 1, ", "line 1, column 13: the inline table that starts in line 1 does not end"},
        {"a = {,}", "line 1, column 6: \",\" where a key should be"},
        {"a = {b = 1 c = 2}", "line 1, column 12: expected \",\" or \"}\" in the inline table that starts in line 1"},
        {"a = {\nb = 1}", "line 1, column 6: an inline table must end on the line that it starts on"},
        {"a = {b = 1\r\n}", "line 1, column 11: an inline table must end on the line that it starts on"},
        {"a = {b = 1,\nc = 2}", "line 1, column 12: an inline table must end on the line that it starts on"},
        {"a = {b = 1 # x\n}", "line 1, column 12: expected \",\" or \"}\" in the inline table that starts in line 1"},
        {"a = {b}", "line 1, column 7: expected \"=\" after the key \"b\""},
        {"a = {b = 1, 'b' = 2}", "line 1, column 13: duplicate key \"b\", first defined in line 1"},
        {"a = {b = {c = 1}, b.d = 2}", "line 1, column 19: inline table \"b\" of line 1 cannot be added to"},
        {"a = {b.c = 1, b = 2}", "line 1, column 15: duplicate key \"b\", first defined in line 1"},
        {"a = {b = 1, b.c = 2}", "line 1, column 13: key \"b\" is an integer, defined in line 1, and has no keys below it"},
        {"a = {b = [{}], b.c = 2}", "line 1, column 16: key \"b\" is an array, defined in line 1, and has no keys below it"},
    };
    refused(cases, ARRAY_SIZE(cases));
}

static void bad_definitions(void **state)
{
    static const struct refusal cases[] = {
        {"a = 1\n\na = 2", "line 3, column 1: duplicate key \"a\", first defined in line 1"},
        {"a = 1\n\"\\u0061\" = 2", "line 2, column 1: duplicate key \"a\", first defined in line 1"},
        {"\"\" = 1\n'' = 2", "line 2, column 1: duplicate key \"\", first defined in line 1"},
        {"a.b = 1\na.b = 2", "line 2, column 3: duplicate key \"b\", first defined in line 1"},
        {"a.b = 1\na = 2", "line 2, column 1: duplicate key \"a\", first defined in line 1"},
        {"[a]\nb = 1\nb = 2", "line 3, column 1: duplicate key \"b\", first defined in line 2"},
        {"[a.b]\n[a]\nb = 1", "line 3, column 1: duplicate key \"b\", first defined in line 1"},
        {"a = 1\na.b = 2", "line 2, column 1: key \"a\" is an integer, defined in line 1, and has no keys below it"},
        {"a = 'x'\na.b = 2", "line 2, column 1: key \"a\" is a string, defined in line 1, and has no keys below it"},
        {"a = {b = 1}\na.c = 2", "line 2, column 1: inline table \"a\" of line 1 cannot be added to"},
        {"a.b = {c = 1}\na.b.d = 2", "line 2, column 3: inline table \"b\" of line 1 cannot be added to"},
        {"[a.b]\n[a]\nb.c = 1", "line 3, column 1: table \"b\" is already defined in line 1; a dotted key cannot add to it"},
        {"[a.b.c]\n[a]\nb.c.d = 1", "line 3, column 3: table \"c\" is already defined in line 1; a dotted key cannot add to it"},
        {"[a.b.c]\n[a]\nb.d = 1\n[a.b]", "line 4, column 4: duplicate table \"b\", first defined in line 1"},
        {"[[a.b]]\n[a]\nb.c = 1", "line 3, column 1: key \"b\" is an array, defined in line 1, and has no keys below it"},
        {"[a]\n[a]", "line 2, column 2: duplicate table \"a\", first defined in line 1"},
        {"[a.b]\n[a]\n[x]\n[a]", "line 4, column 2: duplicate table \"a\", first defined in line 2"},
        {"[a]\nb.c = 1\n[a.b]", "line 3, column 4: duplicate table \"b\", first defined in line 2"},
        {"a.b = 1\n[a]", "line 2, column 2: duplicate table \"a\", first defined in line 1"},
        {"a = {}\n[a]", "line 2, column 2: duplicate table \"a\", first defined in line 1"},
        {"a = {}\n[a.b]", "line 2, column 2: inline table \"a\" of line 1 cannot be added to"},
        {"a = {}\n[[a]]", "line 2, column 3: key \"a\" is a table, defined in line 1, and cannot become an array of tables"},
        {"a = 1\n[a]", "line 2, column 2: key \"a\" is an integer, defined in line 1, and cannot become a table"},
        {"a = 1.5\n[a.b]", "line 2, column 2: key \"a\" is a number, defined in line 1, and has no tables below it"},
        {"a = true\n[[a]]", "line 2, column 3: key \"a\" is a boolean, defined in line 1, and cannot become an array of tables"},
        {"a = 2024-01-01\n[[a.b]]", "line 2, column 3: key \"a\" is a date or time, defined in line 1, and has no tables below it"},
        {"a = []\n[[a]]", "line 2, column 3: key \"a\" is an array, defined in line 1, and cannot become an array of tables"},
        {"a = [{}]\n[a.b]", "line 2, column 2: key \"a\" is an array, defined in line 1, and has no tables below it"},
        {"[[a]]\n[a]", "line 2, column 2: \"a\" is an array of tables since line 1: its header needs \"[[\" and \"]]\""},
        {"[a]\n[[a]]", "line 2, column 3: key \"a\" is a table, defined in line 1, and cannot become an array of tables"},
        {"[a.b]\n[[a]]", "line 2, column 3: key \"a\" is a table, defined in line 1, and cannot become an array of tables"},
        {"[[a]]\n[a.b]\n[[a.b]]", "line 3, column 5: key \"b\" is a table, defined in line 2, and cannot become an array of tables"},
        {"[[a]]\nb = []\n[[a.b]]", "line 3, column 5: key \"b\" is an array, defined in line 2, and cannot become an array of tables"},
    };
    refused(cases, ARRAY_SIZE(cases));
}

/* A message stays one, whatever the key is. */
static void long_names(void **state)
{
    _cleanup_arena_ struct arena a = ARENA_INIT(1 << 20);
    struct err e = ERR_INIT;
    const struct toml *root;
    char text[4096];
    int n = snprintf(text, sizeof text, "%01000d = 1\n%01000d = 2\n", 7, 7);
    assert_fails(toml_parse(view_make(text, (size_t)n), &a, &root, &e), &e, ERR_INVALID_ARGUMENT, "000\", first defined in line 1");
    assert_true(strlen(e.message) < 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_lines), cmocka_unit_test(bad_strings),     cmocka_unit_test(bad_values), cmocka_unit_test(bad_arrays_and_inline_tables),
        cmocka_unit_test(bad_dates), cmocka_unit_test(bad_definitions), cmocka_unit_test(long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
