(** T10: the direct path through the cells of an LSTM. *)
From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Gradchain Require Import Definitions Tools Sigmoid.
Open Scope R_scope.

Lemma cell_affine : forall f u n c, cell f u n c = prod f n * c + cell f u n 0.
Proof.
  intros f u n c; induction n as [|n IH]; simpl; [ring|]. rewrite IH; ring.
Qed.

Lemma cell_derive : forall f u n c, is_derive (cell f u n) c (prod f n).
Proof.
  intros f u n c. apply is_derive_ext with (f := fun t => prod f n * t + cell f u n 0).
  - intros t; symmetry; apply cell_affine.
  - auto_derive; [trivial|ring].
Qed.

Lemma forget_product_range : forall a n, (0 < n)%nat -> 0 < prod (fun k => sigmoid (a k)) n < 1.
Proof.
  intros a n Hn. split; [apply prod_pos; intros; apply sigmoid_range|].
  destruct n as [|n]; [lia|clear Hn]. induction n as [|n IH].
  - simpl; assert (H := sigmoid_range (a O)); lra.
  - assert (P : 0 < prod (fun k => sigmoid (a k)) (S n))
      by (apply prod_pos; intros; apply sigmoid_range).
    assert (H := sigmoid_range (a (S n))). cbn [prod] in *. nra.
Qed.

Lemma open_gates : forall f delta n, 0 <= delta <= 1 ->
  (forall k, (k < n)%nat -> 1 - delta <= f k <= 1) -> 1 - INR n * delta <= prod f n.
Proof.
  intros f delta n Hd H.
  assert (K : forall m, (m <= n)%nat -> 1 - INR m * delta <= prod f m /\ 0 <= prod f m <= 1).
  { induction m as [|m IH]; intros Hm; [simpl; lra|].
    destruct (IH ltac:(lia)) as [I1 I2]. specialize (H m ltac:(lia)).
    rewrite S_INR; cbn [prod]. split; [|split]; try nra. }
  apply K; lia.
Qed.

Lemma closed_gates : forall f rho, rho < 1 -> (forall k, 0 <= f k <= rho) ->
  is_lim_seq (fun n => prod f n) 0.
Proof.
  intros f rho Hr H. assert (0 <= rho) by (specialize (H O); lra).
  apply geometric_limit with (rho := rho) (C := 1); [lra|]. intros n.
  rewrite prod_abs, Rmult_1_l, <- prod_const. apply prod_le; intros k _.
  specialize (H k). rewrite Rabs_pos_eq; lra.
Qed.

Lemma half_open : forall n, prod (fun _ => sigmoid 0) n = (1 / 2) ^ n.
Proof. intros n; rewrite prod_const, sigmoid_0; reflexivity. Qed.
