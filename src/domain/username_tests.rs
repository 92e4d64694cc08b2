//! Real names, as people write them.

use super::{LoginName, Username, fold};

/// Names by script. Those with joiners are written with escapes, since editors do not show joiners.
const NAMES: &[(&str, &[&str])] = &[
    (
        "Latin",
        &[
            "Alice",
            "José",
            "Zoë",
            "Søren",
            "Łukasz",
            "Þórdís",
            "Gal·la",
            "Marcel·lí",
            "O.Neill",
            "Ａｌｉｃｅ",
        ],
    ),
    ("Vietnamese", &["Nguyễn", "Trần_Thị_Hằng", "Đặng", "Ngô.Bảo.Châu"]),
    ("Yoruba", &["Ọláyínká", "Adébáyọ̀", "Ṣadé", "Olúṣẹ́gun", "Gbẹ́nga", "Ẹ̀bùn"]),
    ("other Latin of Africa", &["Kɔ̀fí", "Ɖɛ̀dzí", "Ŋutsiwo", "M̀bẹ̀kí"]),
    ("Turkish", &["İsmail", "Işık", "Ğülşen", "Çağrı", "Ümit"]),
    ("Lithuanian", &["Žygimantas", "Ąžuolas", "Ėdita"]),
    ("Greek", &["Γιώργος", "Ὀδυσσεύς", "Ἀχιλλεύς", "Σωκράτης", "ΑΝΔΡΕΑΣ"]),
    ("Cyrillic", &["Алексей", "Ольга", "Њањић", "Ґалаґан", "Ўткир", "Ә\u{301}лия", "Цветан"]),
    ("Armenian", &["Հայկ", "Անահիտ", "Գևորգ"]),
    ("Georgian", &["გიორგი", "ნინო", "თამარი"]),
    ("Hebrew", &["משה", "ג׳ורג׳", "צ׳רלי", "רבקה", "שָׂרָה", "דָּוִד"]),
    ("Arabic", &["محمد", "مُحَمَّد", "عبدالله", "فاطمة", "أحمد", "لؤي", "هدى", "عمر٢"]),
    (
        "Persian",
        &["علی", "علی\u{200c}رضا", "محمّدرضا", "امیر\u{631}ضا", "گلی\u{200c}ناز", "نی\u{200c}لوفر۷"],
    ),
    ("Urdu", &["عائشہ", "ﻋﻠﯽ", "نصرت\u{200c}فتح", "میاں"]),
    ("Sindhi and Pashto", &["سنڌي", "گل۽بلبل", "ځلاند", "ښکلا"]),
    ("Uyghur", &["ئالىم", "گۈلنار"]),
    ("Syriac", &["ܐܒܪܗܡ", "ܡܪܝܡ"]),
    ("Thaana", &["އަޙްމަދު", "މަރިޔަމް"]),
    ("N'Ko", &["ߡߏߘߌߓߏ", "ߛߟߋߡߊߣߊ߫"]),
    (
        "Hindi",
        &[
            "अमित",
            "प्रिया",
            "श्रीनिवास",
            "कृष्ण",
            "ज़ाकिर",
            "हिन्दी",
            "लक्ष्मी",
            "राजेन्\u{200d}द्र",
            "राम्\u{200c}लाल",
        ],
    ),
    ("Marathi and Nepali", &["ज्ञानेश्वर", "गर्\u{200d}हाड", "सुशीला"]),
    ("Bengali", &["অনিন্দ্য", "রবীন্দ্রনাথ", "শেখ_হাসিনা", "কৃষ্ণা", "উৎপল", "ফজলুল"]),
    ("Punjabi", &["ਹਰਪ੍ਰੀਤ", "ਗੁਰਮੀਤ", "ਜਸਵਿੰਦਰ"]),
    ("Gujarati", &["નરેન્દ્ર", "પ્રિયંકા"]),
    ("Odia", &["ଜଗନ୍ନାଥ", "ପ୍ରଭା"]),
    ("Tamil", &["தமிழ்ச்செல்வி", "முருகன்", "ஸ்ரீதர்", "கௌதம்", "ஃபாத்திமா"]),
    ("Telugu", &["వెంకటేశ్వర్లు", "శ్రీనివాస్", "కృష్ణ"]),
    ("Kannada", &["ಶ್ರೀಧರ", "ಕೃಷ್ಣಮೂರ್ತಿ", "ರಾಜ್\u{200c}ಕುಮಾರ್"]),
    ("Malayalam", &["ശ്രീജിത്ത്", "കൃഷ്ണൻ", "ഷാജഹാൻ", "മലര്\u{200d}വാടി"]),
    ("Sinhala", &["ශ\u{dca}\u{200d}රීමතී", "චන්ද\u{dca}\u{200d}රිකා", "මහින්ද"]),
    ("Thai", &["สมชาย", "ณัฐพงศ์", "กุ้ง", "น้ำฝน", "ที่นี่", "เกียรติศักดิ์"]),
    ("Lao", &["ສົມສັກ", "ນ້ຳຝົນ", "ຄຳແພງ"]),
    ("Burmese", &["အောင်ဆန်းစုကြည်", "မြင့်မောင်", "ဦးနု", "သန္တာ", "ကျော်စွာ"]),
    ("Shan and Karen", &["ၸၢႆးသႅင်", "စီၤကွၢ်"]),
    ("Khmer", &["សុខា", "ស្រីមុំ", "ចន្ទ្រា", "រតនៈ"]),
    ("Tibetan", &["བསྟན་འཛིན་རྒྱ་མཚོ", "སྒྲོལ་མ", "ཚེ་རིང"]),
    ("Mongolian", &["ᠲᠡᠮᠦᠵᠢᠨ", "ᠪᠠᠲᠤ"]),
    ("Ethiopic", &["አበበ", "ሰላማዊት", "ኃይለማርያም"]),
    ("Tifinagh", &["ⵎⴰⵙⵉⵏⵉⵙⵙⴰ", "ⴷⵉⵀⵢⴰ"]),
    ("Cherokee", &["ᏍᏏᏉᏯ", "ᎠᏥᎳ"]),
    ("Canadian syllabics", &["ᐊᓄᒃ", "ᓄᓇᕗᑦ"]),
    ("Javanese and Balinese", &["ꦱꦸꦏꦂꦤ", "ᬓᭂᬢᬸᬢ᭄"]),
    ("Chinese", &["王小明", "歐陽娜娜", "〇一", "𠮷田"]),
    ("Japanese", &["さくら", "サクラ", "マリア・テレサ", "ゔぃくとりあ", "ｻｸﾗ", "々木"]),
    ("Korean", &["김민준", "\u{1100}\u{1175}\u{11b7}", "ㅋㅋ"]),
    ("Bopomofo and Yi", &["ㄅㄆㄇ", "ꆈꌠ"]),
    ("Adlam", &["𞤀𞤣𞤢𞤥", "𞤃𞤢𞤥𞤢𞤣𞤵"]),
    ("Osage and Deseret", &["𐓏𐓘𐓻𐓘𐓻𐓟", "𐐔𐐯𐑅𐐨𐑉𐐯𐐻"]),
];

fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    NAMES.iter().flat_map(|(script, names)| names.iter().map(|name| (*script, *name)))
}

#[test]
fn people_of_every_script_have_names() {
    let refused: Vec<_> = names().filter(|(_, name)| Username::parse(name).is_err()).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn a_name_is_found_in_every_spelling_and_its_key_is_stable() {
    for (script, text) in names() {
        let name = Username::parse(text).unwrap();
        let found = |typed: &str| {
            assert_eq!(
                LoginName::parse(typed),
                Ok(LoginName::Username(name.key().to_owned())),
                "{script}: {typed:?}"
            );
        };
        for typed in [
            text.to_owned(),
            name.as_str().to_owned(),
            fold::nfd(text),
            name.key().to_owned(),
            text.replace(['\u{200c}', '\u{200d}'], ""),
            format!("{text} "),
        ] {
            found(&typed);
        }
        // Changing the case keeps the name, except for the two letters i of Turkish.
        if script != "Turkish" {
            found(&text.to_uppercase());
            found(&text.to_lowercase());
        }
    }
}

#[test]
fn no_two_of_them_share_a_key() {
    let one_name_twice = ["Ａｌｉｃｅ", "ｻｸﾗ", "ﻋﻠﯽ"];
    let mut keys = std::collections::HashMap::new();
    for (script, text) in names().filter(|(_, name)| !one_name_twice.contains(name)) {
        let name = Username::parse(text).unwrap();
        let other = keys.insert(name.key().to_owned(), text);
        assert_eq!(other, None, "{script}: {text}");
    }
    // Marks and letters that make a different name.
    for [one, other] in [
        ["कि", "की"],
        ["সন", "সান"],
        ["மலர்", "மலர"],
        ["กา", "ก่า"],
        ["မြ", "မျ"],
        ["Ọlá", "Olá"],
        ["Olá", "Ola"],
        ["Işık", "İşık"],
        ["ısı", "isi"],
        ["محمد", "محمّد"],
        ["בָּר", "בַּר"],
        ["ハハ", "パパ"],
        ["はは", "ハハ"],
        ["Gal·la", "Galla"],
        ["བསྟན་འཛིན", "བསྟནའཛིན"],
        ["ש", "שׁ"],
        ["у", "y"],
    ] {
        assert_ne!(Username::parse(one).unwrap().key(), Username::parse(other).unwrap().key());
    }
}

#[test]
fn what_is_drawn_the_same_is_one_name() {
    for [one, other] in [
        ["علی\u{200c}رضا", "علیرضا"],
        ["राजेन्\u{200d}द्र", "राजेन्द्र"],
        ["राम्\u{200c}", "राम्"],
        ["ΟΔΥΣΣΕΥΣ", "οδυσσευς"],
        ["σας", "σασ"],
        ["STRASSE", "straße"],
        ["Ａｌｉｃｅ", "alice"],
        ["ｻｸﾗ", "サクラ"],
        ["ﻋﻠﯽ", "علی"],
        ["İsmail", "i\u{307}smail"],
    ] {
        let one = Username::parse(one).unwrap();
        assert_eq!(LoginName::parse(other), Ok(LoginName::Username(one.key().to_owned())));
    }
}

#[test]
fn what_is_not_a_name_in_its_script_is_refused() {
    for (text, why) in [
        ("ad\u{200c}min", "Latin letters do not join"),
        ("ad\u{200d}min", "the same"),
        ("علی\u{200c}", "nothing follows that could join"),
        ("\u{200c}علی", "nothing before it could join"),
        ("علی\u{200d}رضا", "a joiner after no virama"),
        ("محـمد", "the line is longer, the name is the same"),
        ("aliceمحمد", "two directions"),
        ("محمدalice", "two directions"),
        ("משהи", "two directions"),
        ("1محمد", "begins with a digit, from the left"),
        ("محمد_", "ends with punctuation of no direction"),
        ("محمد١2", "digits of two kinds"),
        ("٣۴", "digits of Arabic and Persian"),
        ("\u{202b}محمد\u{202c}", "marks of direction"),
        ("a·b", "a dot that is no letter's of Catalan"),
        ("ŀa", "the same in the key"),
        ("a・b", "a dot of Japanese beside none"),
        ("׳ב", "a geresh after nothing"),
        ("क\u{200d}ष", "a joiner after no virama"),
        ("admin\u{94d}", "a virama on Latin"),
        ("हि हि", "a space"),
        ("།བོད", "punctuation"),
        ("王，小明", "punctuation"),
    ] {
        assert!(Username::parse(text).is_err(), "{text:?}: {why}");
    }
}
