//! Posts in other languages than English: a few sentences and words in each, in several scripts.

use super::words::SUBJECTS;

/// A language that posts are written in.
#[derive(Debug)]
pub(super) struct Tongue {
    /// As X names it in `lang`.
    pub(super) code: &'static str,
    /// How often it is written, against the others.
    pub(super) weight: u16,
    /// Sentences with the slot `{n}`.
    pub(super) sentences: &'static [&'static str],
    /// For each subject, in the order of the subjects.
    pub(super) nouns: [&'static [&'static str]; SUBJECTS],
    pub(super) tag: &'static str,
}

pub(super) const ALL: &[Tongue] = &[
    Tongue {
        code: "es",
        weight: 22,
        sentences: &[
            "hoy vi {n} y también {n}, qué maravilla",
            "¿alguien más está esperando {n}?",
            "mañana hay {n} otra vez, según dicen",
            "nunca pensé que {n} fuera así",
        ],
        nouns: [
            &["el telescopio", "la misión lunar", "el cohete", "la estación espacial"],
            &["la tormenta", "el pronóstico", "la inundación", "la niebla"],
            &["el portero", "el árbitro", "el penalti", "el estadio"],
            &["la sartén", "el azafrán", "la receta", "la cebolla asada"],
            &["la canción", "la guitarra", "el concierto", "el disco"],
            &["el tranvía", "el andén", "el autobús nocturno", "la avería"],
        ],
        tag: "mañana",
    },
    Tongue {
        code: "fr",
        weight: 12,
        sentences: &[
            "ça y est, {n} est là, et {n} aussi",
            "à côté de chez moi : {n}, déjà !",
            "qui a vu {n} hier soir ?",
        ],
        nouns: [
            &["la fusée", "le télescope", "la comète", "l'équipage"],
            &["l'orage", "la grêle", "la météo", "le verglas"],
            &["le gardien", "l'arbitre", "le but égalisateur", "le maillot"],
            &["la pâte feuilletée", "le gâteau", "la crème brûlée", "le four"],
            &["la mélodie", "l'orchestre", "le vinyle", "la scène"],
            &["le tramway", "la grève", "le quai", "le vélo"],
        ],
        tag: "été",
    },
    Tongue {
        code: "de",
        weight: 10,
        sentences: &[
            "heute früh: {n}, später dann {n}",
            "schöner hätte es nicht kommen können: {n}",
            "weiß jemand, was mit {n} los ist?",
        ],
        nouns: [
            &["Raumsonde", "Sternwarte", "Trägerrakete", "Mondfähre"],
            &["Gewitter", "Glätte", "Wetterbericht", "Überschwemmung"],
            &["Elfmeter", "Torhüter", "Nachspielzeit", "Auswärtsspiel"],
            &["Bratkartoffeln", "Gewürze", "Rührschüssel", "Apfelkuchen"],
            &["Schlagzeug", "Konzert", "Geige", "Zugabe"],
            &["Straßenbahn", "Gleiswechsel", "Verspätung", "Fähre"],
        ],
        tag: "Größe",
    },
    Tongue {
        code: "pt",
        weight: 12,
        sentences: &[
            "não acredito, {n} de novo e ainda {n}",
            "amanhã é dia de {n}, até já",
            "você viu {n}? que emoção",
        ],
        nouns: [
            &["o foguete", "o telescópio", "a missão", "o satélite"],
            &["a tempestade", "a previsão", "o trovão", "a geada"],
            &["o goleiro", "o pênalti", "a torcida", "o árbitro"],
            &["o feijão", "a panela", "o pão de queijo", "o tempero"],
            &["o violão", "a canção", "o refrão", "a bateria"],
            &["o ônibus", "a estação", "o atraso", "a ciclovia"],
        ],
        tag: "verão",
    },
    Tongue {
        code: "tr",
        weight: 7,
        sentences: &["bugün {n} çok güzeldi, {n} da öyle", "{n} nerede kaldı, bilen var mı?"],
        nouns: [
            &["uzay aracı", "teleskop", "gökyüzü", "yörünge"],
            &["fırtına", "yağmur", "şimşek", "hava durumu"],
            &["kaleci", "hakem", "şampiyonluk", "gol"],
            &["çorba", "fırın", "baharat", "börek"],
            &["şarkı", "bağlama", "konser", "davul"],
            &["tramvay", "otobüs durağı", "gişe", "köprü"],
        ],
        tag: "gökyüzü",
    },
    Tongue {
        code: "ru",
        weight: 7,
        sentences: &[
            "сегодня снова {n}, а потом {n}",
            "кто видел {n}? расскажите",
            "ещё раз про {n}: это надо видеть",
        ],
        nouns: [
            &["ракета", "телескоп", "марсоход", "орбита"],
            &["гроза", "метель", "прогноз погоды", "гололёд"],
            &["вратарь", "судья", "пенальти", "трибуна"],
            &["борщ", "сковорода", "пирог", "чеснок"],
            &["песня", "гитара", "концерт", "скрипка"],
            &["трамвай", "электричка", "остановка", "пробка"],
        ],
        tag: "космос",
    },
    Tongue {
        code: "el",
        weight: 3,
        sentences: &["σήμερα είδα {n} και μετά {n}", "πού είναι {n}; ξέρει κανείς;"],
        nouns: [
            &["το τηλεσκόπιο", "ο πύραυλος", "ο πλανήτης", "το διαστημόπλοιο"],
            &["η καταιγίδα", "η πρόγνωση", "το χιόνι", "ο άνεμος"],
            &["ο τερματοφύλακας", "το γήπεδο", "το πέναλτι", "ο διαιτητής"],
            &["το ψωμί", "η συνταγή", "το κρεμμύδι", "ο φούρνος"],
            &["το τραγούδι", "η κιθάρα", "η συναυλία", "το βιολί"],
            &["το τραμ", "η στάση", "το λεωφορείο", "η γέφυρα"],
        ],
        tag: "ουρανός",
    },
    Tongue {
        code: "ar",
        weight: 8,
        sentences: &["رأيت اليوم {n} ثم {n}", "هل شاهد أحد {n}؟", "غدا موعدنا مع {n}"],
        nouns: [
            &["التلسكوب", "الصاروخ", "المحطة الفضائية", "المريخ"],
            &["العاصفة", "المطر", "الضباب", "البرق"],
            &["حارس المرمى", "الحكم", "ركلة الجزاء", "الملعب"],
            &["الخبز", "الزعتر", "الوصفة", "الفرن"],
            &["الأغنية", "العود", "الحفلة", "الإيقاع"],
            &["الحافلة", "القطار", "المحطة", "الجسر"],
        ],
        tag: "الفضاء",
    },
    Tongue {
        code: "iw",
        weight: 2,
        sentences: &["היום ראיתי את {n} ואחר כך את {n}", "מישהו ראה את {n}?"],
        nouns: [
            &["הטלסקופ", "הטיל", "החללית", "הירח"],
            &["הסערה", "הגשם", "הברק", "התחזית"],
            &["השוער", "השופט", "הפנדל", "האצטדיון"],
            &["הלחם", "המתכון", "התנור", "השום"],
            &["השיר", "הגיטרה", "ההופעה", "התוף"],
            &["הרכבת", "האוטובוס", "התחנה", "הגשר"],
        ],
        tag: "חלל",
    },
    Tongue {
        code: "ja",
        weight: 14,
        sentences: &["今日は{n}を見た。次は{n}。", "{n}、最高でした!", "明日の{n}が楽しみです"],
        nouns: [
            &["望遠鏡", "ロケット打ち上げ", "火星探査機", "国際宇宙ステーション"],
            &["台風", "天気予報", "雷雨", "大雪警報"],
            &["ゴールキーパー", "審判", "延長戦", "スタジアム"],
            &["味噌汁", "炊飯器", "唐揚げ", "レシピ"],
            &["ギター", "新曲", "ライブ", "太鼓"],
            &["路面電車", "終電", "バス停", "遅延証明書"],
        ],
        tag: "宇宙",
    },
    Tongue {
        code: "zh",
        weight: 4,
        sentences: &["今天看到了{n},还有{n}", "有人知道{n}怎么样了吗?"],
        nouns: [
            &["望远镜", "火箭", "空间站", "火星车"],
            &["暴雨", "台风", "天气预报", "大雾"],
            &["守门员", "裁判", "点球", "球场"],
            &["面条", "酱油", "炒锅", "饺子"],
            &["吉他", "演唱会", "旋律", "唱片"],
            &["电车", "地铁", "站台", "晚点"],
        ],
        tag: "航天",
    },
    Tongue {
        code: "ko",
        weight: 6,
        sentences: &["오늘 {n} 봤어요, 그리고 {n}도요", "{n} 어떻게 됐는지 아는 사람?"],
        nouns: [
            &["망원경", "로켓 발사", "우주 정거장", "화성 탐사"],
            &["폭풍", "일기예보", "폭설", "번개"],
            &["골키퍼", "심판", "승부차기", "경기장"],
            &["된장찌개", "마늘", "냄비", "요리법"],
            &["기타", "콘서트", "멜로디", "앨범"],
            &["전차", "버스 정류장", "지하철", "지연"],
        ],
        tag: "우주",
    },
    Tongue {
        code: "hi",
        weight: 5,
        sentences: &["आज {n} देखा, फिर {n}", "क्या किसी ने {n} देखा?"],
        nouns: [
            &["दूरबीन", "रॉकेट", "उपग्रह", "मंगल यान"],
            &["तूफ़ान", "बारिश", "कोहरा", "बिजली"],
            &["गोलकीपर", "रेफ़री", "पेनल्टी", "मैदान"],
            &["दाल", "रोटी", "मसाला", "रसोई"],
            &["गीत", "तबला", "सितार", "संगीत"],
            &["बस", "मेट्रो", "स्टेशन", "पुल"],
        ],
        tag: "अंतरिक्ष",
    },
    Tongue {
        code: "th",
        weight: 4,
        sentences: &["วันนี้เห็น{n}แล้วก็{n}", "ใครเห็น{n}บ้าง"],
        nouns: [
            &["กล้องโทรทรรศน์", "จรวด", "ดาวเทียม", "ดาวอังคาร"],
            &["พายุ", "ฝนตกหนัก", "หมอก", "ฟ้าแลบ"],
            &["ผู้รักษาประตู", "กรรมการ", "จุดโทษ", "สนาม"],
            &["ข้าวผัด", "กระเทียม", "กระทะ", "น้ำปลา"],
            &["เพลง", "กีตาร์", "คอนเสิร์ต", "กลอง"],
            &["รถราง", "รถเมล์", "สถานี", "สะพาน"],
        ],
        tag: "อวกาศ",
    },
];
