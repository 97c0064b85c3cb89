// Price files that can be read: layouts, and every documented treatment with its count.
#include "tests/unit/PriceFileFixture.h"
#include "tools/study/Market.h"
#include "tools/study/PriceFileCells.h"

#include <cmath>

using namespace diptych::study;

namespace {

class PriceFile : public PriceFileFixture {};

using Strings = std::vector<std::string>;
using Numbers = std::vector<double>;

} // namespace

TEST_F(PriceFile, WideGivesOneSeriesASymbol) {
  PriceTable table = read("Date,MSFT,AAPL\n2024-01-02,10,20\n2024-01-03,11,21.5\n");
  EXPECT_EQ(table.symbols, (Strings{"AAPL", "MSFT"}));
  EXPECT_EQ(table.close, (Numbers{20, 21.5, 10, 11}));
  EXPECT_EQ(table.day, (std::vector<std::int32_t>{0, 1, 0, 1}));
  EXPECT_EQ(isoDate(table.calendar[1]), "2024-01-03");
  EXPECT_EQ(table.report.layout, PriceLayout::wide);
  EXPECT_EQ(table.report.rows, 2u);
  EXPECT_EQ(table.report.closes, 4u);
  EXPECT_TRUE(table.volume.empty());
}

TEST_F(PriceFile, LongTakesItsColumnsInAnyOrderAndCase) {
  PriceTable table = read("VOLUME,Close,Ticker,DATE,High,low,OPEN,Sector\n"
                          "100,10,B,20240102,12,9,9.5,tech\n"
                          "200,11,B,20240103,12,9,9.5,tech\n"
                          "300,20,A,20240102,22,19,19.5,bank\n");
  EXPECT_EQ(table.report.layout, PriceLayout::longOhlcv);
  EXPECT_EQ(table.symbols, (Strings{"A", "B"}));
  EXPECT_EQ(table.close, (Numbers{20, 10, 11}));
  EXPECT_EQ(table.open, (Numbers{19.5, 9.5, 9.5}));
  EXPECT_EQ(table.volume, (Numbers{300, 100, 200}));
  EXPECT_EQ(table.report.ignoredColumns, (Strings{"Sector"}));
  EXPECT_EQ(table.report.dateForm, "YYYYMMDD");
  EXPECT_EQ(table.report.earlyEnds, 1u);
}

TEST_F(PriceFile, BlanksAreMissingAndCounted) {
  PriceTable table = read(
      "date,A,B,C\n2024-01-02,1,,\n2024-01-03,NA,2,nan\n2024-01-04,3,N/A,null\n2024-01-05,4,5,-\n");
  EXPECT_EQ(table.symbols, (Strings{"A", "B"}));
  EXPECT_EQ(table.close, (Numbers{1, 3, 4, 2, 5}));
  EXPECT_EQ(table.report.blankCloses, 7u);
  EXPECT_EQ(table.report.suspendedDays, 2u);
  EXPECT_EQ(table.report.lateListings, 1u);
  EXPECT_EQ(table.report.symbolsWithoutPrices, (Strings{"C"}));
}

TEST_F(PriceFile, LongGapsAreSuspendedDays) {
  PriceTable table =
      read("symbol,date,close,volume\nA,2024-01-02,1,5\nA,2024-01-03,1,5\nA,2024-01-04,1,5\n"
           "B,2024-01-02,1,\nB,2024-01-04,1,0\nC,2024-01-03,,7\nC,2024-01-04,2,8\n");
  EXPECT_EQ(table.report.suspendedDays, 1u); // B on the 3rd
  EXPECT_EQ(table.report.blankCloses, 1u);   // C on the 3rd, before its first close
  EXPECT_EQ(table.report.lateListings, 1u);
  EXPECT_EQ(table.report.blankOthers, 1u);
  EXPECT_EQ(table.report.zeroVolumes, 1u);
  EXPECT_TRUE(std::isnan(table.volume[3]));
}

TEST_F(PriceFile, DatesWithoutAnyCloseAreNotTradingDays) {
  PriceTable table = read("date,A,B\n2024-01-01,,\n2024-01-02,1,2\n2024-01-03,1,2\n");
  EXPECT_EQ(table.calendar.size(), 2u);
  EXPECT_EQ(table.report.emptyDays, 1u);
  EXPECT_EQ(table.report.lateListings, 0u);
}

TEST_F(PriceFile, GapsInTheDatesAreCountedAndNamed) {
  PriceTable table = read("date,A\n2024-01-02,1\n2024-01-03,2\n2024-01-04,2\n2024-03-01,3\n"
                          "2024-03-04,3\n2024-03-05,3\n");
  EXPECT_EQ(table.report.calendarGaps, 1u);
  EXPECT_EQ(table.report.widestGap, "2024-01-04 to 2024-03-01");
  EXPECT_NE(table.report.text().find("1 gap(s) in the dates"), std::string::npos);
}

TEST_F(PriceFile, MonthlyDatesHaveNoGaps) {
  PriceTable table = read("date,A\n2024-01-31,1\n2024-02-29,2\n2024-03-29,2\n2024-04-30,3\n");
  EXPECT_EQ(table.report.calendarGaps, 0u);
}

TEST_F(PriceFile, UnsortedRowsAreSortedAndCounted) {
  PriceTable wide = read("date,A\n2024-01-04,3\n2024-01-02,1\n2024-01-03,2\n");
  EXPECT_EQ(wide.close, (Numbers{1, 2, 3}));
  EXPECT_EQ(wide.report.unsortedRows, 1u);
  PriceTable table =
      read("date,symbol,close\n2024-01-03,A,2\n2024-01-03,B,5\n2024-01-02,A,1\n2024-01-02,B,4\n");
  EXPECT_EQ(table.close, (Numbers{1, 2, 4, 5}));
  EXPECT_EQ(table.report.unsortedRows, 2u);
}

TEST_F(PriceFile, AdjustedCloseScalesTheBar) {
  PriceTable table = read("symbol,date,open,high,low,close,Adj "
                          "Close\nA,2024-01-02,8,12,8,10,5\nA,2024-01-03,9,9,9,9,9\n");
  EXPECT_TRUE(table.report.adjusted);
  EXPECT_EQ(table.close, (Numbers{5, 9}));
  EXPECT_EQ(table.high, (Numbers{6, 9}));
}

TEST_F(PriceFile, ReturnsLineFeedsAndMarksOfOrderDoNotMatter) {
  Numbers expected{1, 2, 3, 4};
  EXPECT_EQ(read("\xef\xbb\xbf"
                 "date,A,B\r\n2024-01-02,1,3\r\n\r\n2024-01-03,2,4\r\n")
                .close,
            expected);
  EXPECT_EQ(read("date,A,B\r2024-01-02,1,3\r2024-01-03,2,4").close, expected);
  EXPECT_EQ(read(",A,B\n\n2024-01-02, 1 ,3\n2024-01-03,+2,4e0").close, expected);
}

TEST_F(PriceFile, QuotedFieldsMayHoldCommasQuotesAndLineEnds) {
  PriceTable table =
      read("date,\"A, Inc\",\"the \"\"B\"\"\nshare\"\n\"2024-01-02\",\"1\",3\n2024-01-03,2,4\n");
  EXPECT_EQ(table.symbols, (Strings{"A, Inc", "the \"B\"\nshare"}));
}

TEST_F(PriceFile, SymbolsNamedLikeMissingValuesAreSymbols) {
  PriceTable table = read("symbol,date,close\nNA,2024-01-02,1\nNA,2024-01-03,1\nnan,2024-01-02,"
                          "1\nBRK.B,2024-01-02,1\n");
  EXPECT_EQ(table.symbols, (Strings{"BRK.B", "NA", "nan"}));
}

TEST_F(PriceFile, DatesComeInFourForms) {
  for (const char* dates : {"2024-01-02 2024-01-31", "20240102 20240131", "2024/1/2 2024/01/31",
                            "1/2/2024 01/31/2024", "2024-01-02T00:00:00Z 2024-01-31T00:00:00Z"}) {
    std::string text = dates;
    std::size_t space = text.find(' ');
    PriceTable table =
        read("date,A\n" + text.substr(0, space) + ",1\n" + text.substr(space + 1) + ",1\n");
    EXPECT_EQ(isoDate(table.calendar[0]), "2024-01-02") << dates;
    EXPECT_EQ(isoDate(table.calendar[1]), "2024-01-31") << dates;
  }
  EXPECT_EQ(read("date,A\n2024-01-02 00:00:00,1\n2024-01-31 00:00:00-05:00,1\n").calendar.size(),
            2u);
}

TEST_F(PriceFile, InconsistentBarsAreCounted) {
  PriceTable table =
      read("symbol,date,open,high,low,close\nA,2024-01-02,8,7,6,8\nA,2024-01-03,8,9,8,8\n");
  EXPECT_EQ(table.report.inconsistentBars, 1u);
}

TEST_F(PriceFile, GzipIsRecognisedByItsContent) {
  std::string text = "date,A\n2024-01-02,1\n2024-01-03,2\n";
  PriceTable table = readPrices(writeGzip(text));
  EXPECT_TRUE(table.report.gzip);
  EXPECT_EQ(table.close, (Numbers{1, 2}));
  EXPECT_FALSE(readPrices(write(text, "plain.csv.gz")).report.gzip);
}

TEST_F(PriceFile, LinesAreRightAcrossChunks) {
  // More than one chunk of 1 MiB, so that rows and the pair "\r\n" fall on its borders.
  std::string text = "date,A,B\r\n";
  std::int32_t start = dayNumber(1800, 1, 1);
  for (int i = 0; i < 80000; ++i)
    text += isoDate(start + i) + ",1234.5,6\r\n";
  EXPECT_EQ(read(text).close.size(), 160000u);
  text += "2100-01-01,x,1\r\n";
  EXPECT_EQ(messageOf(text).substr(0, 25), "prices.csv:80002:2: A: ex");
}

TEST_F(PriceFile, ProgressEndsWithTheWholeFile) {
  std::string path = write("date,A\n2024-01-02,1\n2024-01-03,2\n");
  PriceProgress last;
  PriceReadOptions options;
  options.progress = [&](const PriceProgress& progress) { last = progress; };
  readPrices(path, options);
  EXPECT_EQ(last.rows, 2u);
  EXPECT_EQ(last.bytesRead, last.bytesTotal);
}

TEST_F(PriceFile, ReportSaysWhatWasDone) {
  PriceTable table = read("date,A,B\n2024-01-03,1,\n2024-01-02,2,2\n2024-01-04,2,2\n");
  std::string text = table.report.text();
  EXPECT_EQ(text.substr(text.find("prices.csv")),
            "prices.csv: wide layout, 3 rows, 5 closes, dates YYYY-MM-DD, columns date, close\n"
            "  1 blank closes: missing\n"
            "  1 suspended days (no close within a symbol's life): return 0, no volume\n"
            "  1 rows out of order: sorted\n");
}

TEST(PriceFileCells, NumbersAreWholeCells) {
  EXPECT_EQ(parseNumber("1e-3").value, 1e-3);
  EXPECT_EQ(parseNumber("inf").kind, CellNumber::Kind::infinite);
  EXPECT_EQ(parseNumber("1e999").kind, CellNumber::Kind::tooLarge);
  for (const char* cell : {"", "+", "+-1", "1,5", "1 2", "$5", "0x10", "1.2.3", "five", "nan"})
    EXPECT_EQ(parseNumber(cell).kind, CellNumber::Kind::notANumber) << cell;
}
