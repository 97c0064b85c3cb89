// Price files that cannot be read: one misuse a test, with its whole message.
#include "tests/unit/PriceFileFixture.h"

using namespace diptych::study;

namespace {

class PriceFileErrors : public PriceFileFixture {};

} // namespace

#define EXPECT_MESSAGE(text, message) EXPECT_EQ(messageOf(text), message)

TEST_F(PriceFileErrors, NoSuchFile) {
  EXPECT_EQ(messageOfFile((folder_ / "none.csv").string()),
            "none.csv: cannot open the price file: No such file or directory; check the path");
}

TEST_F(PriceFileErrors, Directory) {
  EXPECT_EQ(messageOfFile("/tmp"),
            "/tmp: expected a price file, got a directory; name the .csv or .csv.gz file in it");
}

TEST_F(PriceFileErrors, EmptyFile) {
  std::string expected =
      "prices.csv: the file is empty; expected a header line such as 'date,AAPL,MSFT,...' and "
      "rows of prices";
  EXPECT_MESSAGE("", expected);
  EXPECT_MESSAGE("\n\r\n  \n", expected);
  EXPECT_MESSAGE("\xef\xbb\xbf", expected);
}

TEST_F(PriceFileErrors, HeaderOnly) {
  EXPECT_MESSAGE("date,A,B\n", "prices.csv: the file has a header only; expected rows of prices "
                               "for at least 2 days below it");
}

TEST_F(PriceFileErrors, OneRow) {
  EXPECT_MESSAGE(
      "date,A,B\n2024-01-02,1,2\n",
      "prices.csv: expected prices of at least 2 days, got 1; a return needs two closes");
}

TEST_F(PriceFileErrors, AllBlank) {
  EXPECT_MESSAGE(
      "date,A\n2024-01-02,\n2024-01-03,NA\n",
      "prices.csv: expected prices of at least 2 days, got 0; a return needs two closes");
}

TEST_F(PriceFileErrors, NotANumber) {
  EXPECT_MESSAGE("date,A,B\n2024-01-02,1,2\n2024-01-03,1,abc\n",
                 "prices.csv:3:3: B: expected a price, got 'abc'; write a plain number such as "
                 "12.34, or leave the "
                 "cell blank if it is missing");
}

TEST_F(PriceFileErrors, ThousandsSeparator) {
  EXPECT_MESSAGE("date,A\n2024-01-02,\"1,234.5\"\n",
                 "prices.csv:2:2: A: expected a price, got '1,234.5'; write a plain number such as "
                 "12.34, or leave "
                 "the cell blank if it is missing");
}

TEST_F(PriceFileErrors, LongOrBinaryCellsAreCutAndEscaped) {
  EXPECT_MESSAGE(
      "date,A\n2024-01-02,\x01" + std::string(50, 'x') + "\n",
      "prices.csv:2:2: A: expected a price, got '\\x01" + std::string(39, 'x') +
          "...'; write a plain number such as 12.34, or leave the cell blank if it is missing");
}

TEST_F(PriceFileErrors, Infinity) {
  EXPECT_MESSAGE("date,A\n2024-01-02,inf\n",
                 "prices.csv:2:2: A: expected a price, got 'inf', which is not finite; "
                 "leave the cell blank if it is missing");
  EXPECT_MESSAGE("date,A\n2024-01-02,1e999\n",
                 "prices.csv:2:2: A: expected a price, got '1e999', which is not "
                 "finite; leave the cell blank if it is missing");
}

TEST_F(PriceFileErrors, NegativePrice) {
  EXPECT_MESSAGE("symbol,date,close\nX,2024-01-02,-3\n",
                 "prices.csv:2:3: close: expected a price above 0, got '-3'; leave the cell blank "
                 "on days without a "
                 "price");
}

TEST_F(PriceFileErrors, ZeroPrice) {
  EXPECT_MESSAGE("date,A\n2024-01-02,0.0\n",
                 "prices.csv:2:2: A: expected a price above 0, got '0.0'; leave the cell "
                 "blank on days without a price");
}

TEST_F(PriceFileErrors, NegativeVolume) {
  EXPECT_MESSAGE("symbol,date,close,volume\nX,2024-01-02,3,-1\n",
                 "prices.csv:2:4: volume: expected a volume of 0 or more, got '-1'; leave the cell "
                 "blank if it is "
                 "missing");
}

TEST_F(PriceFileErrors, DuplicateSymbolAndDate) {
  EXPECT_MESSAGE(
      "symbol,date,close\nX,2024-01-02,3\nY,2024-01-02,3\nX,2024-01-03,3\nX,2024-01-02,\n",
      "prices.csv:5: the symbol 'X' has two rows for 2024-01-02, lines 2 and 5; keep one of them");
}

TEST_F(PriceFileErrors, DuplicateDate) {
  EXPECT_MESSAGE(
      "date,A\n2024-01-02,1\n2024-01-03,1\n2024-01-02,\n",
      "prices.csv:4: two rows have the date 2024-01-02, lines 2 and 4; keep one of them");
}

TEST_F(PriceFileErrors, BadDate) {
  EXPECT_MESSAGE("date,A\nyesterday,1\n", "prices.csv:2:1: expected a date such as 2024-01-31, got "
                                          "'yesterday'; write days as YYYY-MM-DD");
  EXPECT_MESSAGE(
      "date,A\n,1\n",
      "prices.csv:2:1: expected a date such as 2024-01-31, got ''; write days as YYYY-MM-DD");
}

TEST_F(PriceFileErrors, DateThatDoesNotExist) {
  EXPECT_MESSAGE("date,A\n2023-02-29,1\n",
                 "prices.csv:2:1: expected a day of the calendar between 1700 and 2299, got "
                 "'2023-02-29'; correct the date");
}

TEST_F(PriceFileErrors, DayFirst) {
  EXPECT_MESSAGE("date,A\n1/2/2024,1\n13/2/2024,1\n",
                 "prices.csv:3:1: expected a date with the month first, got '13/2/2024'; write "
                 "days as YYYY-MM-DD");
}

TEST_F(PriceFileErrors, MonthOrDayFirst) {
  EXPECT_MESSAGE("date,A\n1/2/2024,1\n2/2/2024,1\n",
                 "prices.csv:2:1: no date tells whether the month or the day comes first; write "
                 "days as YYYY-MM-DD");
}

TEST_F(PriceFileErrors, MixedDateForms) {
  EXPECT_MESSAGE("date,A\n2024-01-02,1\n20240103,1\n",
                 "prices.csv:3:1: expected a date of the form YYYY-MM-DD as in line 2, got "
                 "'20240103'; write all dates "
                 "in one form");
}

TEST_F(PriceFileErrors, TimeOfDay) {
  EXPECT_MESSAGE("date,A\n2024-01-02 09:30:00,1\n",
                 "prices.csv:2:1: expected one row per day, got '2024-01-02 09:30:00' with a time "
                 "of day; keep the "
                 "day's last price only");
}

TEST_F(PriceFileErrors, RaggedRow) {
  EXPECT_MESSAGE("date,A,B\n2024-01-02,1,2\n2024-01-03,1\n",
                 "prices.csv:3: expected 3 fields as in the header, got 2; complete the row (a "
                 "field that contains a "
                 "comma must be quoted)");
  EXPECT_MESSAGE("date,A,B\n2024-01-02,1,2,3\n",
                 "prices.csv:2: expected 3 fields as in the header, got 4; complete the row (a "
                 "field that contains a "
                 "comma must be quoted)");
}

TEST_F(PriceFileErrors, QuoteInsideAField) {
  EXPECT_MESSAGE("date,A\n2024-01-02,1\"2\n", "prices.csv:2:2: a quotation mark stands inside a "
                                              "field; expected quotes around a whole field, with "
                                              "any quote inside doubled, as in \"a \"\"b\"\" c\"");
}

TEST_F(PriceFileErrors, QuoteNeverClosed) {
  EXPECT_MESSAGE("date,A\n\n2024-01-02,\"12\n2024-01-03,13\n",
                 "prices.csv:3:2: a quoted field that begins here is not closed; add the closing "
                 "quotation mark");
}

TEST_F(PriceFileErrors, QuoteThatSwallowsALargeFile) {
  EXPECT_MESSAGE("date,A\n\"2024-01-02,12\n" + std::string(std::size_t(20) << 20, 'x'),
                 "prices.csv:2:1: a quoted field that begins here is not closed; add the closing "
                 "quotation mark");
}

TEST_F(PriceFileErrors, BlankSymbol) {
  EXPECT_MESSAGE(
      "symbol,date,close\n,2024-01-02,3\n",
      "prices.csv:2:1: symbol: expected a name, got a blank; complete the row or take it out");
}

TEST_F(PriceFileErrors, NoDateColumn) {
  EXPECT_MESSAGE("admit,gre\n1,2\n",
                 "prices.csv:1: expected a header such as 'date,AAPL,MSFT,...' (closes) or "
                 "'symbol,date,open,high,low,close,volume', got 'admit', 'gre'; add the header "
                 "line or rename its "
                 "columns");
}

TEST_F(PriceFileErrors, NoSymbolColumn) {
  EXPECT_MESSAGE(
      "Date,Open,High,Low,Close,Volume\n2024-01-02,1,1,1,1,1\n",
      "prices.csv:1: the header has prices of one symbol ('Date', 'Open', 'High', 'Low', 'Close', "
      "'Volume') "
      "but no symbol column; add a column 'symbol', or give closes as 'date,SYMBOL,SYMBOL,...'");
}

TEST_F(PriceFileErrors, NoCloseColumn) {
  EXPECT_MESSAGE("symbol,date,bid,ask\nA,2024-01-02,1,2\n",
                 "prices.csv:1: expected a header such as 'date,AAPL,MSFT,...' (closes) or "
                 "'symbol,date,open,high,low,close,volume', got 'symbol', 'date', 'bid', 'ask'; "
                 "add the header line or "
                 "rename its columns");
}

TEST_F(PriceFileErrors, LayoutAskedForIsNotTheFiles) {
  EXPECT_EQ(messageOf("date,A\n2024-01-02,1\n", PriceLayout::longOhlcv),
            "prices.csv:1: expected a header such as 'date,AAPL,MSFT,...' (closes) or "
            "'symbol,date,open,high,low,close,volume', got 'date', 'A'; add the header line or "
            "rename its columns");
}

TEST_F(PriceFileErrors, SymbolNamedTwice) {
  EXPECT_MESSAGE(
      "date,A,B,A\n2024-01-02,1,2,3\n",
      "prices.csv:1:4: the symbol 'A' names two columns, fields 2 and 4; keep one of them");
}

TEST_F(PriceFileErrors, ColumnNamedTwice) {
  EXPECT_MESSAGE(
      "symbol,date,close,Close\nA,2024-01-02,1,2\n",
      "prices.csv:1:4: the column 'Close' is named twice, in fields 3 and 4; keep one of them");
}

TEST_F(PriceFileErrors, ColumnWithoutName) {
  EXPECT_MESSAGE("date,A,\n2024-01-02,1,\n", "prices.csv:1:3: expected a symbol as the name of the "
                                             "column, got a blank; name it or take the column "
                                             "out");
}

TEST_F(PriceFileErrors, SemicolonsAsSeparators) {
  EXPECT_MESSAGE("date;A;B\n2024-01-02;1;2\n",
                 "prices.csv:1: expected columns separated by commas, got one column 'date;A;B'; "
                 "convert the file to "
                 "comma-separated values with decimal points");
}

TEST_F(PriceFileErrors, OtherFormats) {
  EXPECT_MESSAGE("PK\x03\x04",
                 "prices.csv: expected CSV text in UTF-8, plain or gzip, got a ZIP archive or "
                 "spreadsheet; convert it to .csv or .csv.gz");
  EXPECT_MESSAGE(std::string("\xff\xfe") + "d",
                 "prices.csv: expected CSV text in UTF-8, plain or gzip, got UTF-16 "
                 "text; convert it to .csv or .csv.gz");
}

TEST_F(PriceFileErrors, GzipCutAnywhereIsNeverReadAsWhole) {
  std::string text = "date,A\n";
  for (int day = 10; day < 29; ++day)
    text += "2024-01-" + std::to_string(day) + ",1." + std::to_string(day * 7919) + "\n";
  std::string path = writeGzip(text);
  std::ifstream file(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  for (std::size_t size = 3; size < bytes.size(); ++size) {
    std::string message = messageOfFile(write(bytes.substr(0, size), "cut.csv.gz"));
    EXPECT_TRUE(message.starts_with("cut.csv.gz: the gzip data end too early, after "))
        << size << ": " << message;
    EXPECT_TRUE(
        message.ends_with(" bytes of text; the file is incomplete, so copy or download it again"))
        << message;
  }
}

// gzip itself warns of garbage at the end, and takes zeros for padding and members for one text.
TEST_F(PriceFileErrors, GzipIsFollowedBySomethingElse) {
  const std::string text = "date,A\n2024-01-02,1\n2024-01-03,2\n";
  const std::string bytes = readBytes(writeGzip(text));
  const std::string size = std::to_string(text.size()), at = std::to_string(bytes.size());
  EXPECT_EQ(messageOfFile(write(bytes + "2024-01-04,3\n", "more.csv.gz")),
            "more.csv.gz: the gzip data end after " + size +
                " bytes of text, but the file goes on " + "with something else at byte " + at +
                "; copy or download it again");
  EXPECT_NE(messageOfFile(write(bytes + std::string(700000, '\0') + "x", "more.csv.gz"))
                .find("something else at byte " + std::to_string(bytes.size() + 700000)),
            std::string::npos);
  EXPECT_EQ(readPrices(write(bytes + std::string(512, '\0'), "padded.csv.gz")).calendar.size(), 2u);
  const std::string rest = readBytes(writeGzip("2024-01-04,3\n"));
  EXPECT_EQ(readPrices(write(bytes + rest, "two.csv.gz")).calendar.size(), 3u);
  EXPECT_TRUE(messageOfFile(write(bytes + rest.substr(0, 9), "two.csv.gz"))
                  .starts_with("two.csv.gz: the gzip data end too early, after " + size));
}

TEST_F(PriceFileErrors, GzipDamaged) {
  std::string path = writeGzip("date,A\n2024-01-02,1\n2024-01-03,2\n");
  std::ifstream file(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  bytes[bytes.size() - 8] ^= 1; // the checksum
  EXPECT_EQ(messageOfFile(write(bytes, "bad.csv.gz")).substr(0, 37),
            "bad.csv.gz: the file cannot be read: ");
}
