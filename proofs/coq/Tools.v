(** Lemmas on sums, products and Lipschitz functions that several files use. *)
From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Gradchain Require Import Definitions.
Open Scope R_scope.

Lemma prod_le : forall f g n,
  (forall k, (k < n)%nat -> 0 <= f k <= g k) -> 0 <= prod f n <= prod g n.
Proof.
  intros f g n; induction n as [|n IH]; intros H; simpl.
  - lra.
  - assert (0 <= prod f n <= prod g n) by (apply IH; intros; apply H; lia).
    assert (0 <= f n <= g n) by (apply H; lia).
    split; [apply Rmult_le_pos; lra | apply Rmult_le_compat; lra].
Qed.

Lemma prod_pos : forall f n, (forall k, (k < n)%nat -> 0 < f k) -> 0 < prod f n.
Proof.
  intros f n; induction n as [|n IH]; intros H; simpl; [lra|].
  apply Rmult_lt_0_compat; [apply IH; intros; apply H; lia | apply H; lia].
Qed.

Lemma prod_ext : forall f g n, (forall k, (k < n)%nat -> f k = g k) -> prod f n = prod g n.
Proof.
  intros f g n; induction n as [|n IH]; intros H; simpl; [reflexivity|].
  rewrite IH by (intros; apply H; lia). rewrite H by lia. reflexivity.
Qed.

Lemma prod_const : forall c n, prod (fun _ => c) n = c ^ n.
Proof. intros c n; induction n as [|n IH]; simpl; [reflexivity|]. rewrite IH; ring. Qed.

Lemma prod_mult : forall f g n, prod (fun k => f k * g k) n = prod f n * prod g n.
Proof. intros f g n; induction n as [|n IH]; simpl; [ring|]. rewrite IH; ring. Qed.

Lemma prod_abs : forall f n, Rabs (prod f n) = prod (fun k => Rabs (f k)) n.
Proof.
  intros f n; induction n as [|n IH]; simpl; [apply Rabs_R1|].
  rewrite Rabs_mult, IH; reflexivity.
Qed.

Lemma sum_ext : forall f g n, (forall k, (k < n)%nat -> f k = g k) -> sum f n = sum g n.
Proof.
  intros f g n; induction n as [|n IH]; intros H; simpl; [reflexivity|].
  rewrite IH by (intros; apply H; lia). rewrite H by lia. reflexivity.
Qed.

Lemma sum_le : forall f g n, (forall k, (k < n)%nat -> f k <= g k) -> sum f n <= sum g n.
Proof.
  intros f g n; induction n as [|n IH]; intros H; simpl; [lra|].
  assert (sum f n <= sum g n) by (apply IH; intros; apply H; lia).
  assert (f n <= g n) by (apply H; lia). lra.
Qed.

Lemma sum_pos : forall f n, (forall k, (k < n)%nat -> 0 <= f k) -> 0 <= sum f n.
Proof.
  intros f n; induction n as [|n IH]; intros H; simpl; [lra|].
  assert (0 <= sum f n) by (apply IH; intros; apply H; lia).
  assert (0 <= f n) by (apply H; lia). lra.
Qed.

Lemma sum_plus : forall f g n, sum (fun k => f k + g k) n = sum f n + sum g n.
Proof. intros f g n; induction n as [|n IH]; simpl; [ring|]. rewrite IH; ring. Qed.

Lemma sum_scal : forall c f n, sum (fun k => c * f k) n = c * sum f n.
Proof. intros c f n; induction n as [|n IH]; simpl; [ring|]. rewrite IH; ring. Qed.

Lemma sum_scal_r : forall c f n, sum (fun k => f k * c) n = sum f n * c.
Proof. intros c f n; induction n as [|n IH]; simpl; [ring|]. rewrite IH; ring. Qed.

Lemma sum_zero : forall n, sum (fun _ => 0) n = 0.
Proof. intros n; induction n as [|n IH]; simpl; [ring|]. rewrite IH; ring. Qed.

Lemma sum_const : forall c n, sum (fun _ => c) n = INR n * c.
Proof.
  intros c n; induction n as [|n IH]; [simpl; ring|].
  rewrite S_INR; cbn [sum]; rewrite IH; ring.
Qed.

Lemma sum_swap : forall (f : nat -> nat -> R) m n,
  sum (fun i => sum (fun j => f i j) n) m = sum (fun j => sum (fun i => f i j) m) n.
Proof.
  intros f m n; induction m as [|m IH]; simpl.
  - symmetry; apply sum_zero.
  - rewrite IH, <- sum_plus; reflexivity.
Qed.

Lemma sum_delta : forall (f : nat -> R) n j, (j < n)%nat ->
  sum (fun k => (if Nat.eqb j k then 1 else 0) * f k) n = f j.
Proof.
  intros f n j; induction n as [|n IH]; intros H; [lia|]; simpl.
  destruct (Nat.eqb j n) eqn:E.
  - apply PeanoNat.Nat.eqb_eq in E; subst j.
    rewrite (sum_ext _ (fun _ => 0)), sum_zero; [ring|].
    intros k Hk. replace (Nat.eqb n k) with false; [ring|].
    symmetry; apply PeanoNat.Nat.eqb_neq; lia.
  - apply PeanoNat.Nat.eqb_neq in E. rewrite IH by lia. ring.
Qed.

(** A geometric bound forces the limit 0. *)
Lemma geometric_limit : forall (u : nat -> R) rho C, 0 <= rho < 1 ->
  (forall n, Rabs (u n) <= C * rho ^ n) -> is_lim_seq u 0.
Proof.
  intros u rho C Hr H.
  apply is_lim_seq_abs_0.
  apply is_lim_seq_le_le with (u := fun _ => 0) (w := fun n => C * rho ^ n).
  - intros n; split; [apply Rabs_pos | apply H].
  - apply is_lim_seq_const.
  - replace (Finite 0) with (Rbar_mult C 0) by (simpl; f_equal; ring).
    apply is_lim_seq_scal_l. apply is_lim_seq_geom.
    rewrite Rabs_pos_eq; lra.
Qed.

(** ** Monotonicity and Lipschitz bounds from derivatives *)

Lemma mean_value : forall (f df : R -> R) x y,
  (forall t, Rmin x y <= t <= Rmax x y -> is_derive f t (df t)) ->
  exists c, Rmin x y <= c <= Rmax x y /\ f y - f x = df c * (y - x).
Proof.
  intros f df x y H.
  destruct (MVT_gen f x y df) as [c [Hc E]].
  - intros t Ht; apply H; lra.
  - intros t Ht. apply continuity_pt_filterlim.
    apply (ex_derive_continuous f t). exists (df t); apply H; lra.
  - exists c; auto.
Qed.

Lemma lipschitz_between : forall (f df : R -> R) L x y, 0 <= L ->
  (forall t, Rmin x y <= t <= Rmax x y -> is_derive f t (df t) /\ Rabs (df t) <= L) ->
  Rabs (f x - f y) <= L * Rabs (x - y).
Proof.
  intros f df L x y HL H.
  destruct (mean_value f df x y) as [c [Hc E]]; [intros t Ht; apply H; auto|].
  rewrite Rabs_minus_sym, (Rabs_minus_sym x y), E, Rabs_mult.
  apply Rmult_le_compat_r; [apply Rabs_pos | apply H; auto].
Qed.

Lemma lipschitz_of_derivative : forall (f df : R -> R) L, 0 <= L ->
  (forall t, is_derive f t (df t) /\ Rabs (df t) <= L) -> lipschitz f L.
Proof. intros f df L HL H x y; apply lipschitz_between with df; auto. Qed.

(** Two halves that meet at c. *)
Lemma lipschitz_glue : forall (f : R -> R) L c, 0 <= L ->
  (forall x y, x <= c -> y <= c -> Rabs (f x - f y) <= L * Rabs (x - y)) ->
  (forall x y, c <= x -> c <= y -> Rabs (f x - f y) <= L * Rabs (x - y)) ->
  lipschitz f L.
Proof.
  intros f L c HL Hl Hr.
  assert (K : forall x y, x <= c -> c <= y -> Rabs (f x - f y) <= L * Rabs (x - y)).
  { intros x y Hx Hy.
    replace (f x - f y) with ((f x - f c) + (f c - f y)) by ring.
    eapply Rle_trans; [apply Rabs_triang|].
    assert (A := Hl x c Hx (Rle_refl c)). assert (B := Hr c y (Rle_refl c) Hy).
    replace (L * Rabs (x - y)) with (L * Rabs (x - c) + L * Rabs (c - y)); [lra|].
    rewrite <- Rmult_plus_distr_l; f_equal.
    rewrite !(Rabs_left1 (_ - _)) by lra. ring. }
  intros x y.
  destruct (Rle_dec x c), (Rle_dec y c); auto; try (apply Hr; lra).
  - apply K; lra.
  - rewrite Rabs_minus_sym, (Rabs_minus_sym x y). apply K; lra.
Qed.

(** No constant below the slope at one point serves. *)
Lemma derivative_below_lipschitz : forall (f : R -> R) M x l,
  lipschitz f M -> is_derive f x l -> Rabs l <= M.
Proof.
  intros f M x l HM Hd.
  apply is_derive_Reals in Hd.
  destruct (Rle_or_lt (Rabs l) M) as [|Hlt]; [assumption|exfalso].
  destruct (Hd (Rabs l - M) ltac:(lra)) as [del Hdel].
  set (h := del / 2).
  assert (0 < h) by (unfold h; assert (0 < del) by apply cond_pos; lra).
  assert (Hq := Hdel h ltac:(lra) ltac:(rewrite Rabs_pos_eq; unfold h in *; lra)).
  assert (Hl := HM (x + h) x).
  replace (x + h - x) with h in Hl by ring.
  assert (Rabs ((f (x + h) - f x) / h) <= M).
  { unfold Rdiv; rewrite Rabs_mult, Rabs_inv.
    apply Rmult_le_reg_r with (Rabs h); [apply Rabs_pos_lt; lra|].
    rewrite Rmult_assoc, Rinv_l, Rmult_1_r; [assumption|apply Rabs_no_R0; lra]. }
  assert (T := Rabs_triang_inv l ((f (x + h) - f x) / h)).
  rewrite (Rabs_minus_sym l) in T. lra.
Qed.

(** Slopes as close to L as one likes are enough. *)
Lemma slopes_below_lipschitz : forall (f : R -> R) L M,
  lipschitz f M -> (forall eps, 0 < eps -> exists x l, is_derive f x l /\ L - eps <= Rabs l) ->
  L <= M.
Proof.
  intros f L M HM H. apply le_epsilon; intros eps He.
  destruct (H eps He) as [x [l [Hd Hl]]].
  assert (Rabs l <= M) by (apply derivative_below_lipschitz with f x; auto). lra.
Qed.

(** Functions that agree near x have the same derivative there. *)
Lemma is_derive_near : forall (f g : R -> R) x l (P : R -> Prop),
  locally x P -> (forall t, P t -> g t = f t) -> is_derive g x l -> is_derive f x l.
Proof.
  intros f g x l P HP H Hg. apply is_derive_ext_loc with g; [|assumption].
  apply filter_imp with P; auto.
Qed.

Lemma locally_lt : forall x c, x < c -> locally x (fun t => t < c).
Proof. intros x c H. apply open_lt; assumption. Qed.

Lemma locally_gt : forall x c, c < x -> locally x (fun t => c < t).
Proof. intros x c H. apply open_gt; assumption. Qed.
