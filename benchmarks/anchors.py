"""What others published under the same protocol, to stand beside our figures: read from their papers, logs and repositories."""

from rows import BenchmarkRow

# (model, data set, Recall@10, NDCG@10, where the figure was read)
PUBLISHED = (
    ("SASRec, binary loss", "amazon14-beauty", 0.0605, 0.0318, "S3-Rec paper"),
    ("SASRec, binary loss", "amazon14-toys", 0.0675, 0.0374, "S3-Rec paper"),
    ("TIGER", "amazon14-beauty", 0.0648, 0.0384, "quoted by later papers"),
    ("TIGER", "amazon14-toys", 0.0712, 0.0432, "quoted by later papers"),
    ("HSTU, ties fixed", "amazon14-beauty", 0.0788, 0.0439, "authors' log"),
    ("HSTU, ties fixed", "amazon14-toys", 0.0778, 0.0450, "authors' log"),
    ("ActionPiece", "amazon14-beauty", 0.0775, 0.0424, "authors' log"),
    ("OneRec-Think", "amazon14-beauty", 0.0791, 0.0471, "quoted by later papers"),
    ("OneRec-Think", "amazon14-toys", 0.0797, 0.0482, "quoted by later papers"),
    ("eSASRec (RecTools)", "amazon14-beauty", 0.0928, 0.0523, "authors' repository"),
    ("eSASRec (RecTools)", "amazon14-toys", 0.0939, 0.0538, "authors' repository"),
    ("ICSRec", "amazon14-beauty", 0.0959, 0.0578, "authors' log"),
    ("ICSRec", "amazon14-toys", 0.1055, 0.0657, "authors' log"),
    ("BSARec", "amazon14-beauty", 0.1008, 0.0611, "authors' log"),
    ("BSARec", "amazon14-toys", 0.108, 0.068, "quoted by later papers"),
    ("WEARec", "amazon14-beauty", 0.1041, 0.060, "quoted by later papers"),
    ("BERT4Rec", "ml-1m", 0.2843, 0.1537, "authors' log"),
    ("SASRec, binary loss", "ml-1m", 0.2500, 0.1341, "authors' log"),
    ("SASRec, full softmax", "ml-1m", 0.3152, 0.1821, "authors' log"),
    ("HSTU", "ml-1m", 0.3097, 0.1720, "authors' log"),
    ("HSTU-large", "ml-1m", 0.3294, 0.1893, "authors' log; its code reorders ties in time"),
    ("eSASRec (RecTools)", "ml-1m", 0.3133, 0.1772, "authors' repository"),
)


def anchor_rows() -> list[BenchmarkRow]:
    """A row for each published figure; `peer` names the model."""
    return [
        BenchmarkRow(
            case="published",
            dataset=dataset,
            split="leave-one-out",
            protocol="full catalogue, as published",
            metric=metric,
            value=value,
            peer=model,
            note=f"not measured here: {source}",
        )
        for model, dataset, recall, ndcg, source in PUBLISHED
        for metric, value in (("recall@10", recall), ("ndcg@10", ndcg))
    ]
